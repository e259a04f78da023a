use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::{ExitCode, complain};
use crate::scorer::{self, FeatureNeeds, Scorer};

#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The model file
    model: PathBuf,
}

pub fn inspect(args: &InspectArgs) -> ExitCode {
    match scorer::load(&args.model, &scorer::ModelSettings::default()) {
        Ok(scorer) => {
            let _ = write!(std::io::stdout(), "{}", description(&args.model.display().to_string(), scorer.as_ref()));
            ExitCode::Success
        }
        Err(error) => {
            complain(&error);
            ExitCode::Model
        }
    }
}

fn description(path: &str, scorer: &dyn Scorer) -> String {
    let signature = scorer.signature();
    let mut text = format!("model    {path}\nengine   {}\n", scorer.engine());
    let mut list = |name: &str, lines: &mut dyn Iterator<Item = String>| {
        text.push_str(&format!("{name}\n"));
        for line in lines {
            text.push_str(&format!("  {line}\n"));
        }
    };
    list("inputs", &mut signature.inputs.iter().map(ToString::to_string));
    list("outputs", &mut signature.outputs.iter().map(ToString::to_string));
    let needs = match scorer.needs() {
        FeatureNeeds::Table { element, count: Some(count) } => format!("{count} columns as {element}, in order"),
        FeatureNeeds::Table { element, count: None } => format!("any number of columns as {element}, in order"),
        FeatureNeeds::Named(features) => {
            features.iter().map(|f| format!("{} ({})", f.name, f.element)).collect::<Vec<_>>().join(", ")
        }
        FeatureNeeds::Anything => "any columns".to_owned(),
    };
    list("takes", &mut std::iter::once(needs));
    let schema = scorer.output_schema();
    list(
        "gives",
        &mut schema.fields().iter().map(|field| format!("{} ({})", field.name(), type_name(field.data_type()))),
    );
    text
}

fn type_name(data_type: &arrow_schema::DataType) -> String {
    match data_type {
        arrow_schema::DataType::Utf8 => "string".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}
