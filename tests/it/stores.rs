//! Data in stores and results into them, against real servers on this machine: two that speak S3, Azure's, Google's, and
//! a web server. What the program reads was written by the stores' own clients, and what it writes is read by them.
//!
//! `tests/run.sh` installs the servers under `target/`. Each is started once, by the first test that needs it, on a free
//! port, and ends with the process of the tests; each test has a bucket (a container, a folder) of its own.
//!
//! | module | what it holds |
//! |---|---|
//! | `conformance` | what is true of every store |
//! | `faults` | what a run makes of broken connections, refusals and objects that change; writes `target/faults.md` |
//! | `web` | files on a web server |
//! | `secrets` | keys and signatures appear nowhere |
//! | `signatures` | what signatures allow |
//! | `store`, `server`, `client`, `proxy`, `http` | the tools: a store for a test, its server and its maker's client, and a proxy that does harm |

mod client;
mod conformance;
mod faults;
mod http;
mod proxy;
mod secrets;
mod server;
mod signatures;
mod store;
mod web;
