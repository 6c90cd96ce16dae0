//! The settings of `serve`: one list, which flags, the environment and a file fill, in this order
//! of precedence.
//!
//! The list is that of the options: a key of the file has the option's name, its variable that name
//! in capitals behind `SURETY_`. What the file says becomes the option's default, so that there is
//! one parser and one set of rules for all three.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::de::{DeTable, DeValue};

/// The option that names the file.
const FILE: &str = "config";
/// Subcommands that take the settings.
const TAKERS: &[&[&str]] = &[&["serve"], &["config", "check"], &["config", "print"]];

/// What every command that names a ledger finds in the environment too, so that it works on the
/// one that `serve` has.
const SHARED: &[&str] = &[
    "data",
    "ledger",
    "ledger-password-file",
    "party-key",
    "signals",
    "signals-password-file",
    "signals-ca-file",
];

/// What is wrong with a file, all of it.
#[derive(Debug)]
pub(super) struct Faults {
    path: PathBuf,
    faults: Vec<String>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Faults { path, faults } = self;
        let count = faults.len();
        let word = if count == 1 { "fault" } else { "faults" };
        write!(f, "{} has {count} {word}", path.display())?;
        faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for Faults {}

/// What is set, and the file that set some of it.
pub(super) struct Parsed {
    pub matches: ArgMatches,
    pub file: Option<PathBuf>,
    /// Names of the options that the file sets.
    pub keys: Vec<String>,
}

/// Why there is nothing to run.
pub(super) enum Wrong {
    Usage(clap::Error),
    File(anyhow::Error),
}

impl From<clap::Error> for Wrong {
    fn from(usage: clap::Error) -> Wrong {
        Wrong::Usage(usage)
    }
}

/// Parses a command line of `command` with the environment, and with the file that either names.
pub(super) fn parse(command: Command, arguments: Vec<OsString>) -> Result<Parsed, Wrong> {
    let options = options(&command);
    let command = each_taker(command, &|taker| taker.mut_args(by_environment));
    let command = command.mut_subcommands(finds_the_ledger);
    let matches = command.clone().try_get_matches_from(arguments.clone())?;
    let Some(file) = file(&matches) else {
        return Ok(Parsed { matches, file: None, keys: Vec::new() });
    };
    let set = read(&file, &options).map_err(Wrong::File)?;
    let command = each_taker(command, &|taker| {
        set.iter().fold(taker, |taker, (key, value)| {
            taker.mut_arg(key.replace('-', "_"), |arg| arg.default_value(value.clone()))
        })
    });
    let matches = command.try_get_matches_from(arguments)?;
    Ok(Parsed { matches, file: Some(file), keys: set.into_iter().map(|(key, _)| key).collect() })
}

/// `serve` alone, to try single options on.
fn options(command: &Command) -> Command {
    let serve = command.find_subcommand("serve").cloned().unwrap_or_default();
    serve.no_binary_name(true)
}

/// Options that a file may set.
pub(super) fn settings(serve: &Command) -> impl Iterator<Item = &Arg> {
    serve.get_arguments().filter(|arg| arg.get_long().is_some_and(|long| long != FILE))
}

fn each_taker(command: Command, change: &dyn Fn(Command) -> Command) -> Command {
    TAKERS.iter().fold(command, |command, path| at(command, path, change))
}

fn at(command: Command, path: &[&str], change: &dyn Fn(Command) -> Command) -> Command {
    match path.split_first() {
        None => change(command),
        Some((first, rest)) => command.mut_subcommand(*first, |inner| at(inner, rest, change)),
    }
}

/// A command, and those in it, with a ledger.
fn finds_the_ledger(command: Command) -> Command {
    let has_ledger = command.get_arguments().any(|arg| arg.get_long() == Some("ledger"));
    let command = command.mut_subcommands(finds_the_ledger);
    match has_ledger {
        true => command.mut_args(|arg| match arg.get_long() {
            Some(long) if SHARED.contains(&long) => by_environment(arg),
            _ => arg,
        }),
        false => command,
    }
}

fn by_environment(arg: Arg) -> Arg {
    match (arg.get_long(), arg.get_env()) {
        (Some(long), None) => {
            let name = variable(long);
            arg.env(name).hide_env_values(true)
        }
        _ => arg,
    }
}

/// The environment variable of an option.
pub(super) fn variable(long: &str) -> String {
    format!("SURETY_{}", long.replace('-', "_").to_uppercase())
}

fn file(matches: &ArgMatches) -> Option<PathBuf> {
    let mut inner = matches;
    while let Some((_, subcommand)) = inner.subcommand() {
        inner = subcommand;
    }
    inner.try_get_one::<PathBuf>(FILE).ok().flatten().cloned()
}

/// What a file sets, by option, each value as the command line would have it.
fn read(path: &Path, options: &Command) -> Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the settings in {}", path.display()))?;
    let faults = |faults| Faults { path: path.to_owned(), faults };
    let table = match DeTable::parse(&text) {
        Ok(table) => table,
        Err(error) => {
            let line = line_of(&text, error.span().map_or(0, |span| span.start));
            return Err(faults(vec![format!("line {line}: {}", error.message())]).into());
        }
    };
    let (mut set, mut wrong) = (Vec::new(), Vec::new());
    for (key, value) in table.get_ref() {
        match tried(options, key.get_ref(), value.get_ref()) {
            Ok(Some(text)) => set.push((key.span().start, key.get_ref().to_string(), text)),
            Ok(None) => {}
            Err(what) => wrong.push((key.span().start, what)),
        }
    }
    if !wrong.is_empty() {
        wrong.sort();
        let told =
            wrong.into_iter().map(|(at, what)| format!("line {}: {what}", line_of(&text, at)));
        return Err(faults(told.collect()).into());
    }
    set.sort();
    Ok(set.into_iter().map(|(_, key, value)| (key, value)).collect())
}

/// A value as the command line would have it, if `serve` takes it under that name; `None` for a
/// flag that is not raised.
fn tried(options: &Command, key: &str, value: &DeValue<'_>) -> Result<Option<String>, String> {
    let known = settings(options).find(|arg| arg.get_long() == Some(key));
    let is_flag = known.is_some_and(|arg| matches!(arg.get_action(), ArgAction::SetTrue));
    let text = match (value, is_flag) {
        (DeValue::Boolean(raised), true) => {
            return Ok(raised.then(|| "true".to_owned()));
        }
        (_, true) => return Err(format!("{key}: expected true or false")),
        (DeValue::String(text), false) => text.to_string(),
        (DeValue::Integer(number), false) if number.radix() == 10 => {
            number.as_str().replace('_', "")
        }
        _ if known.is_none() => return Err(unknown(options, key)),
        _ => return Err(format!("{key}: expected a text or a number")),
    };
    if known.is_none() {
        return Err(unknown(options, key));
    }
    let tried = options.clone().try_get_matches_from([format!("--{key}={text}")]);
    match tried {
        Ok(_) => Ok(Some(text)),
        Err(error) => Err(format!("{key}: {}", first_line(&error))),
    }
}

fn unknown(options: &Command, key: &str) -> String {
    let tried = options.clone().try_get_matches_from([format!("--{key}=x")]);
    let suggested = tried.err().and_then(|error| {
        let suggested = error.get(clap::error::ContextKind::SuggestedArg)?.to_string();
        Some(format!("; did you mean {}?", suggested.trim_start_matches('-')))
    });
    format!("{key} is no setting{}", suggested.unwrap_or_default())
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve() -> Command {
        options(&<crate::cli::Cli as clap::CommandFactory>::command())
    }

    fn read_text(text: &str) -> Result<Vec<(String, String)>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path(), &serve())
            .map_err(|error| error.to_string().replace(&file.path().display().to_string(), "FILE"))
    }

    #[test]
    fn a_file_sets_options_by_their_names() {
        let set = read_text("# of a shop\nsignals-budget-ms = 1_000\ngrpc-listen = \"[::1]:0\"\n");
        let text = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let expected = vec![text("signals-budget-ms", "1000"), text("grpc-listen", "[::1]:0")];
        assert_eq!(set, Ok(expected));
        assert_eq!(read_text(""), Ok(Vec::new()));
    }

    #[test]
    fn all_faults_are_told_together_and_where_they_are() {
        let told = read_text(
            "grpc-lissten = \"[::1]:0\"\n\nsignals-budget-ms = 0\nconfig = \"other\"\n\
             policy = 1.5\nkeep-events = \"soon\"\n",
        );
        let expected = "FILE has 5 faults
  line 1: grpc-lissten is no setting; did you mean grpc-listen?
  line 3: signals-budget-ms: invalid value '0' for '--signals-budget-ms <MS>': 0 is not \
in 1..=10000
  line 4: config is no setting
  line 5: policy: expected a text or a number
  line 6: keep-events: invalid value 'soon' for '--keep-events <AGE>': expected a number with d, \
h, m or s behind it, or forever";
        assert_eq!(told, Err(expected.to_owned()));
        assert_eq!(
            read_text("policy = \"a\"\npolicy = \"b\""),
            Err("FILE has 1 fault\n  line 2: duplicate key".to_owned())
        );
    }

    #[test]
    fn every_setting_has_a_variable_of_its_own_name() {
        for arg in settings(&serve()) {
            let long = arg.get_long().unwrap();
            let own = arg.get_env().map(|name| name.to_string_lossy().into_owned());
            assert_eq!(own.unwrap_or_else(|| variable(long)), variable(long));
        }
    }
}
