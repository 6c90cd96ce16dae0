//! `config`: what `serve` would be told, without starting it.

use std::fmt::Write as _;

use anyhow::Result;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, Subcommand};

use super::print::page;
use super::serve::Serve;
use super::settings::{Parsed, settings, variable};

#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check the settings and all files that they name, and tell every fault.
    Check(Box<Serve>),
    /// Print the settings in force and where each comes from; passwords are not shown.
    Print(Box<Serve>),
    /// Print what settings there are, as Markdown.
    Reference,
}

impl Config {
    /// `command` is the whole command line, `parsed` what was said on it.
    pub fn run(self, command: &Command, parsed: &Parsed) -> Result<()> {
        match self.command {
            Action::Check(serve) => {
                serve.config()?.check()?;
                page("the settings are fit for use\n")
            }
            Action::Print(_) => page(&printed(command, parsed)),
            Action::Reference => page(&reference(command)),
        }
    }
}

fn serve(command: &Command) -> Command {
    let mut serve = command.find_subcommand("serve").cloned().unwrap_or_default();
    serve.build();
    serve
}

fn printed(command: &Command, parsed: &Parsed) -> String {
    let serve = serve(command);
    let matches = parsed.matches.subcommand_matches("config");
    let matches = matches.and_then(|config| config.subcommand_matches("print"));
    let mut out = String::new();
    for arg in shown(&serve) {
        let (name, value) =
            (arg.get_long().unwrap_or_default(), matches.and_then(|m| value(m, arg)));
        // Writing into a string does not fail.
        let _ = match value {
            None => writeln!(out, "# {name} is not set"),
            Some((text, source)) => {
                let from = match source {
                    ValueSource::CommandLine => "command line".to_owned(),
                    ValueSource::EnvVariable => variable(name),
                    _ if parsed.keys.iter().any(|key| key == name) => {
                        parsed.file.as_ref().map_or_else(String::new, |f| f.display().to_string())
                    }
                    _ => "default".to_owned(),
                };
                writeln!(out, "{name} = {}  # {from}", quoted(&masked(&text)))
            }
        };
    }
    out
}

/// Settings, without what every command has.
fn shown(serve: &Command) -> impl Iterator<Item = &Arg> {
    settings(serve).filter(|arg| !matches!(arg.get_long(), Some("help" | "version")))
}

fn value(matches: &ArgMatches, arg: &Arg) -> Option<(String, ValueSource)> {
    let id = arg.get_id().as_str();
    let source = matches.value_source(id)?;
    let text = match arg.get_num_args().is_some_and(|values| values.takes_values()) {
        true => matches.get_raw(id)?.next()?.to_string_lossy().into_owned(),
        false => matches.get_flag(id).to_string(),
    };
    Some((text, source))
}

/// An address without its password, which may stand before the host or among what follows it.
fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (place, asked) = rest.split_once('?').map_or((rest, None), |(p, asked)| (p, Some(asked)));
    let shown = match place.rsplit_once('@').map(|(user, host)| (user.split_once(':'), host)) {
        Some((Some((name, _)), host)) => format!("{scheme}://{name}:***@{host}"),
        _ => format!("{scheme}://{place}"),
    };
    let parts = asked.map(|asked| asked.split('&').map(unless_password).collect::<Vec<_>>());
    parts.map_or(shown.clone(), |parts| format!("{shown}?{}", parts.join("&")))
}

fn unless_password(part: &str) -> String {
    match part.split_once('=') {
        Some((key, _)) if key.contains("password") => format!("{key}=***"),
        _ => part.to_owned(),
    }
}

fn quoted(text: &str) -> String {
    match text.parse::<i64>().is_ok() || matches!(text, "true" | "false") {
        true => text.to_owned(),
        false => toml_text(text),
    }
}

fn toml_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn reference(command: &Command) -> String {
    let mut out = String::from(
        "# Settings of `surety serve`\n\n\
         Each is an option (`--grpc-listen`), an environment variable (`SURETY_GRPC_LISTEN`) and a \
         key of the TOML file that `--config` names (`grpc-listen`). An option is stronger than a \
         variable, and that than the file. This page is printed by `surety config reference`.\n\n\
         | Setting | Variable | Default | Meaning |\n|---|---|---|---|\n",
    );
    for arg in shown(&serve(command)) {
        let name = arg.get_long().unwrap_or_default();
        let default = arg.get_default_values().first().map(|value| value.to_string_lossy());
        let default = default.map_or_else(String::new, |value| format!("`{value}`"));
        let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string);
        let help = help.unwrap_or_default().replace('|', "\\|").replace('\n', " ");
        let _ = writeln!(out, "| `{name}` | `{}` | {default} | {help} |", variable(name));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn no_password_of_an_address_is_shown() {
        for (text, shown) in [
            ("embedded", "embedded"),
            ("sqlite:ledger.sqlite", "sqlite:ledger.sqlite"),
            ("redis://cache.example:6379/2", "redis://cache.example:6379/2"),
            ("postgres://me:a@b@db/surety", "postgres://me:***@db/surety"),
            ("postgres://me@db/surety?password=a:b@c", "postgres://me@db/surety?password=***"),
            (
                "postgres://db/s?password=a&sslmode=require",
                "postgres://db/s?password=***&sslmode=require",
            ),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
