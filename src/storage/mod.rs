//! Where data is and where results go.
//!
//! A [`Pointer`] says where data is, as the user wrote it; [`list`] turns it into [`Entry`] values in a stable order, each
//! with a [`Location`] that can be read. A [`Folder`] is a place for results; each [`NewFile`] in it appears under its name
//! only when it is complete. Local files and object stores look alike from outside.
//!
//! This room knows nothing of formats, rows or jobs. It is the only home of `object_store` and of the runtime that store
//! requests need; that runtime is started by the first remote location and never by a purely local run. No secret (a
//! signature in a URL, a password, a key) ever reaches a message.

mod error;
mod folder;
mod http;
mod listing;
mod local_file;
mod location;
mod new_file;
mod pointer;
mod reader;
mod remote;
mod runtime;
mod secrets;
#[cfg(test)]
pub(crate) mod testing;
mod upload;

pub use error::StorageError;
pub use folder::{Existing, Folder};
pub use listing::{Entry, list};
pub use location::{Location, RemoteObject};
pub use new_file::NewFile;
pub use pointer::{Pointer, RemoteUrl};
