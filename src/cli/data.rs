//! `batchscore data`: names and versions for data.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ExitCode, complain, workspace};
use crate::input::{self, InputError, InputSettings};
use crate::report::grouped;
use crate::spec::{DataSpec, InputType};
use crate::storage::Pointer;
use crate::workspace::DataRecord;

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Register data under a name, with what its columns are now
    Create(CreateArgs),
    /// List registered data
    List {
        /// Versions of this name alone
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print registered data
    Show {
        /// NAME, NAME:VERSION or NAME@latest
        data: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Forget a version; the data itself stays
    Delete {
        /// NAME:VERSION, or NAME with --all-versions
        data: String,
        /// Forget all versions
        #[arg(long)]
        all_versions: bool,
    },
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// What to call it: letters, digits, hyphens, underscores, dots
    name: Option<String>,

    /// Where it is: a path, URL, store URI, or a path on a datastore
    #[arg(long, value_name = "POINTER")]
    path: Option<String>,

    /// uri_file or uri_folder; what is there, unless given
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,

    /// The version; one more than the last, unless given
    #[arg(long)]
    version: Option<String>,

    /// For people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// For people and programs; repeatable
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<String>,

    /// A YAML file with the registration, as in Azure; flags override it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub fn run(command: &DataCommand) -> ExitCode {
    let done = match command {
        DataCommand::Create(args) => create(args),
        DataCommand::List { name, json } => list(name.as_deref(), *json),
        DataCommand::Show { data, json } => show(data, *json),
        DataCommand::Delete { data, all_versions } => delete(data, *all_versions),
    };
    match done {
        Ok(()) => ExitCode::Success,
        Err(error) => {
            complain(error.as_ref());
            let is_input = error.is::<InputError>();
            if is_input { ExitCode::Input } else { ExitCode::Usage }
        }
    }
}

fn create(args: &CreateArgs) -> Result<(), Box<dyn Error>> {
    let spec = match &args.file {
        Some(path) => DataSpec::read(path)?,
        None => DataSpec::default(),
    };
    let name = args.name.clone().or(spec.name).ok_or("no name is given: batchscore data create NAME --path POINTER")?;
    DataSpec::checked_name(&name)?;
    let written = args.path.clone().or(spec.path).ok_or("no data is given: say with --path where it is")?;
    let pointer: Pointer = written.parse()?;
    let kind = match args.kind.as_deref() {
        None => spec.kind,
        Some("uri_file") => Some(InputType::UriFile),
        Some("uri_folder") => Some(InputType::UriFolder),
        Some(other) => return Err(format!("--type is {other:?}: write uri_file or uri_folder").into()),
    };
    let stores = workspace::stores([&pointer])?;
    // Jobs come and go, and what they have written stays.
    let pointer = stores.located(&pointer).map_err(InputError::from)?.absolute()?;
    let path = kept(&pointer)?;
    let mut listing = input::list(&stores, std::slice::from_ref(&pointer), &InputSettings::default())?;
    let found = InputType::of(stores.list(&pointer).map_err(InputError::from)?.is_file());
    if let Some(kind) = kind.filter(|kind| *kind != found) {
        return Err(format!("{pointer} is a {found}, not a {kind}: leave --type out, or name what it says").into());
    }
    let mut tags = spec.tags;
    for tag in &args.tags {
        let (key, value) = tag.split_once('=').ok_or_else(|| format!("--tag {tag}: write KEY=VALUE"))?;
        tags.insert(key.to_owned(), value.to_owned());
    }
    let columns = input::columns(&listing)?;
    listing.finish()?;
    let record = DataRecord {
        name,
        version: String::new(),
        kind: found,
        path,
        description: args.description.clone().or(spec.description),
        tags,
        columns,
        files: listing.found().files as u64,
        bytes: listing.found().bytes,
        created: String::new(),
    };
    let version = args.version.clone().or(spec.version);
    if let Some(version) = &version {
        DataSpec::checked_name(version)?;
    }
    let record = workspace::created()?.create_data(record, version)?;
    writeln!(std::io::stdout(), "azureml:{}:{}", record.name, record.version)?;
    Ok(())
}

/// The text under which a pointer is kept.
fn kept(pointer: &Pointer) -> Result<String, String> {
    let place = if let Pointer::Manifest(list) = pointer { list.as_ref() } else { pointer };
    match place {
        Pointer::Registered { .. } => {
            return Err("registered data cannot be registered again; give its own path".into());
        }
        Pointer::Local(path) if path.as_os_str() == "-" => {
            return Err("standard input is not kept: write the list to a file, and register manifest:FILE".into());
        }
        _ => {}
    }
    if pointer.has_secret() {
        return Err(format!(
            "{pointer} holds a signature or password, which is not kept: make a datastore with it (`batchscore datastore \
             create`), and register azureml://datastores/<name>/paths/<path>"
        ));
    }
    let text = pointer.text();
    match text.parse::<Pointer>() {
        Ok(same) if same == *pointer => Ok(text),
        _ => Err(format!("{pointer} cannot be kept, since its name is no UTF-8 text: give it another name, or a link")),
    }
}

fn list(name: Option<&str>, json: bool) -> Result<(), Box<dyn Error>> {
    let records = workspace::needed()?.list_data(name)?;
    let mut out = std::io::stdout();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&records)?)?;
        return Ok(());
    }
    let width = records.iter().map(|record| record.name.len() + record.version.len() + 1).max().unwrap_or(0);
    for record in &records {
        let name = format!("{}:{}", record.name, record.version);
        writeln!(out, "{name:width$}  {}  {}  {}", record.created, record.kind, record.path)?;
    }
    Ok(())
}

fn show(data: &str, json: bool) -> Result<(), Box<dyn Error>> {
    let (name, version) = name_and_version(data);
    let record = workspace::needed()?.find_data(name, version)?;
    let mut out = std::io::stdout();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&record)?)?;
        return Ok(());
    }
    writeln!(out, "name        {}", record.name)?;
    writeln!(out, "version     {}", record.version)?;
    writeln!(out, "type        {}", record.kind)?;
    writeln!(out, "path        {}", record.path)?;
    if let Some(description) = &record.description {
        writeln!(out, "description {description}")?;
    }
    for (key, value) in &record.tags {
        writeln!(out, "tag         {key}={value}")?;
    }
    writeln!(out, "created     {}", record.created)?;
    writeln!(out, "files       {} ({} bytes)", grouped(record.files), grouped(record.bytes))?;
    for (name, data_type) in &record.columns {
        writeln!(out, "column      {name} {data_type}")?;
    }
    Ok(())
}

fn delete(data: &str, all_versions: bool) -> Result<(), Box<dyn Error>> {
    let (name, version) = name_and_version(data);
    if version.is_none() && !all_versions {
        return Err(format!("say which version of {name:?} to forget (NAME:VERSION), or give --all-versions").into());
    }
    let count = workspace::needed()?.delete_data(name, version)?;
    let (count, noun) = (count, if count == 1 { "version" } else { "versions" });
    writeln!(std::io::stderr(), "forgot {count} {noun} of {name}")?;
    Ok(())
}

/// The parts of NAME, NAME:VERSION or NAME@latest, with or without `azureml:` before them.
fn name_and_version(text: &str) -> (&str, Option<&str>) {
    let text = text.strip_prefix("azureml:").unwrap_or(text);
    match text.split_once(':') {
        Some((name, version)) => (name, Some(version)),
        None => (text.strip_suffix("@latest").unwrap_or(text), None),
    }
}
