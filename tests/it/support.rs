//! What the tests share: a folder for each, a run of the program in it, and the tables that come out.

mod data;
mod ended;
mod scene;
mod table;
mod web;

pub(crate) use data::{gzip, number_columns, write_arrow, write_arrow_stream, write_parquet};
pub(crate) use ended::Ended;
pub(crate) use scene::{BINARY, Run, Scene, drain, repository, rows_csv, wait};
pub(crate) use table::{Table, assert_same, difference};
pub(crate) use web::{Manners, WebServer};
