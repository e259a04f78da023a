//! Where data is and where results go.
//!
//! A [`Pointer`] says where data is, as the user wrote it; [`Stores`] knows what its names stand for and how stores are
//! reached. [`Stores::list`] turns it into [`Entry`] values in a stable order, each with a [`Location`] that can be read. A
//! [`Folder`] is a place for results; each [`NewFile`] in it appears under its name only when it is complete, and so does
//! each [`NewFolder`] of files that belong together. Local files and object stores look alike from outside.
//!
//! This room knows nothing of formats, rows or jobs; what the names of data and jobs stand for it asks ([`Names`]). It is
//! the only home of `object_store` and of the runtime that store requests need; that runtime is started by the first remote
//! location and never by a purely local run. No secret (a signature in a URL, a password, a key) ever reaches a message.

mod aws_profile;
mod connect;
mod connection_string;
mod credentials;
mod datastore;
mod error;
mod failure;
mod folder;
mod found;
mod http;
mod listing;
mod local_file;
mod local_folder;
mod location;
mod new_file;
mod new_folder;
mod patience;
mod place;
mod pointer;
mod read_ahead;
mod reader;
mod remote_folder;
mod remote_object;
mod repeats;
mod runtime;
mod secrets;
mod stores;
#[cfg(test)]
pub(crate) mod testing;
mod upload;
mod upload_name;
mod upload_parts;
mod web_store;

pub use connect::StoreSettings;
pub use credentials::{CREDENTIAL_KEYS, CredentialValue, Credentials};
pub use datastore::{Catalog, Datastore, DatastorePath, JobOutput, Names, RegisteredData, UnknownName};
pub use error::StorageError;
pub use folder::{Existing, Folder};
pub use listing::{Entries, Entry};
pub use location::Location;
pub use new_file::NewFile;
pub use new_folder::NewFolder;
pub use pointer::{Pointer, RemoteUrl};
pub use remote_object::{Ranges, RemoteObject, Want};
pub use secrets::scrub;
pub use stores::Stores;
