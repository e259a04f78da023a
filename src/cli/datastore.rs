//! `batchscore datastore`: names for stores, with the way to reach them.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{ExitCode, complain, workspace};
use crate::spec::{CredentialsSpec, DatastoreSpec};
use crate::storage::{Pointer, Stores};

#[derive(Debug, Subcommand)]
pub enum DatastoreCommand {
    /// Give a store or folder a name
    Create(CreateArgs),
    /// List the datastores of the workspace
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a datastore, and whether its credentials can be had
    Show {
        /// The datastore's name
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Ask the store whether it can be reached
        #[arg(long)]
        check: bool,
    },
    /// Forget a datastore; the data in it stays
    Delete {
        /// The datastore's name
        name: String,
    },
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// What to call it: letters, digits, hyphens, underscores
    name: Option<String>,

    /// A folder, or s3://bucket/prefix, az://container/prefix, abfss://, gs://, https://
    #[arg(long)]
    url: Option<String>,

    /// Address of a compatible store in place of the cloud's own
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,

    /// Region of an S3 bucket
    #[arg(long)]
    region: Option<String>,

    /// Account of an Azure container
    #[arg(long)]
    account: Option<String>,

    /// Sign with a profile of ~/.aws
    #[arg(long, conflicts_with_all = ["anonymous", "credential"])]
    profile: Option<String>,

    /// Do not sign: the data is public
    #[arg(long, conflicts_with = "credential")]
    anonymous: bool,

    /// A credential and where it is found: account_key=env:NAME, sas_token=file:PATH; repeatable
    #[arg(long, value_name = "KEY=WHERE")]
    credential: Vec<String>,

    /// For people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// A YAML file with the datastore, in our form or Azure's; flags override it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub fn run(command: &DatastoreCommand) -> ExitCode {
    let done = match command {
        DatastoreCommand::Create(args) => create(args),
        DatastoreCommand::List { json } => list(*json),
        DatastoreCommand::Show { name, json, check } => show(name, *json, *check),
        DatastoreCommand::Delete { name } => delete(name),
    };
    match done {
        Ok(()) => ExitCode::Success,
        Err(error) => {
            complain(error.as_ref());
            ExitCode::Usage
        }
    }
}

fn create(args: &CreateArgs) -> Result<(), Box<dyn Error>> {
    let mut spec = match &args.file {
        Some(path) => DatastoreSpec::read(path)?,
        None => DatastoreSpec::default(),
    };
    let name =
        args.name.clone().or(spec.name.clone()).ok_or("no name is given: batchscore datastore create NAME ...")?;
    spec.url = match &args.url {
        Some(url) => Some(absolute(url)?),
        None => spec.url,
    };
    spec.endpoint = args.endpoint.clone().or(spec.endpoint);
    spec.region = args.region.clone().or(spec.region);
    spec.account = args.account.clone().or(spec.account);
    spec.description = args.description.clone().or(spec.description);
    if let Some(profile) = &args.profile {
        spec.credentials = Some(CredentialsSpec::Values([("profile".to_owned(), profile.clone())].into()));
    } else if args.anonymous {
        spec.credentials = Some(CredentialsSpec::Word("anonymous".to_owned()));
    } else if !args.credential.is_empty() {
        let mut values = BTreeMap::new();
        for pair in &args.credential {
            // The value may be a secret that was written by mistake: it is not repeated.
            let (key, value) =
                pair.split_once('=').ok_or("--credential takes KEY=WHERE, as in account_key=env:NAME")?;
            values.insert(key.to_owned(), value.to_owned());
        }
        spec.credentials = Some(CredentialsSpec::Values(values));
    }
    workspace::created()?.create_datastore(&name, &spec)?;
    writeln!(std::io::stdout(), "azureml://datastores/{name}/paths/")?;
    Ok(())
}

/// A path of this machine seen from the root; anything else as it is.
fn absolute(text: &str) -> Result<String, Box<dyn Error>> {
    match text.parse::<Pointer>()? {
        Pointer::Local(path) => Ok(std::path::absolute(path)?.display().to_string()),
        _ => Ok(text.to_owned()),
    }
}

fn list(json: bool) -> Result<(), Box<dyn Error>> {
    let all = workspace::needed()?.datastores()?;
    let mut out = std::io::stdout();
    if json {
        let shown: BTreeMap<&String, DatastoreSpec> = all.iter().map(|(name, spec)| (name, spec.shown())).collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&shown)?)?;
        return Ok(());
    }
    let width = all.keys().map(String::len).max().unwrap_or(0);
    for (name, spec) in &all {
        let root =
            spec.resolve(name, Path::new("")).map_or_else(|error| error.to_string(), |store| store.root.to_string());
        writeln!(out, "{name:width$}  {root}")?;
    }
    Ok(())
}

fn show(name: &str, json: bool, check: bool) -> Result<(), Box<dyn Error>> {
    let workspace = workspace::needed()?;
    let spec = workspace.find_datastore(name)?;
    let shown = spec.shown();
    let mut out = std::io::stdout();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&shown)?)?;
    } else {
        write!(out, "{name}:\n{}", indented(&serde_saphyr::to_string(&shown)?))?;
        for (key, place, state) in shown.credential_states() {
            writeln!(out, "# {key}: {place} is {state}")?;
        }
    }
    // What cannot be used is shown, and then told.
    spec.resolve(name, workspace.folder())?;
    if check {
        let stores = Stores::new(workspace.catalog()?);
        let found = stores.peek(&format!("azureml://datastores/{name}/paths/").parse()?)?;
        writeln!(out, "# reached; there {}", if found { "is data" } else { "is nothing yet" })?;
    }
    Ok(())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

fn delete(name: &str) -> Result<(), Box<dyn Error>> {
    Ok(workspace::needed()?.delete_datastore(name)?)
}
