//! `catalog`: every name that rules may use, every signal, rule and reason, from the tables
//! themselves.

use std::fmt::Write as _;

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::playbook::Playbook;
use super::print::page;
use crate::{features, signals};

#[derive(Debug, Args)]
pub(super) struct Catalog {
    /// Only this part.
    part: Option<Part>,
    #[command(flatten)]
    playbook: Playbook,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Names,
    Signals,
    Rules,
    Reasons,
}

impl Catalog {
    pub fn run(self) -> Result<()> {
        let playbook = self.playbook.files().load()?;
        let mut out = String::new();
        let wanted = |part| self.part.is_none_or(|only| only == part);
        if wanted(Part::Names) {
            writeln!(out, "NAMES that rules may use")?;
            for variable in features::variables() {
                let value_type = variable.value_type.to_string();
                writeln!(
                    out,
                    "  {:<36} {value_type:<7} {:<12} {}",
                    variable.name, variable.unit, variable.about
                )?;
            }
            writeln!(out)?;
        }
        if wanted(Part::Signals) {
            writeln!(out, "SIGNALS, signal.* in rules")?;
            for signal in signals::catalog() {
                let (value_type, window) =
                    (signal.value_type.to_string(), signal.window.to_string());
                writeln!(
                    out,
                    "  {:<28} {value_type:<7} {:<12} {window:<16} {}",
                    signal.name, signal.unit, signal.about
                )?;
            }
            writeln!(out)?;
        }
        if wanted(Part::Rules) {
            writeln!(out, "RULES of policy {}", playbook.policy.version)?;
            for rule in &playbook.policy.rules {
                let (push, when) = (rule.push.name(), rule.when.source().trim());
                writeln!(out, "  {:<36} {push:<12} {when}", rule.code)?;
            }
            writeln!(out)?;
        }
        if wanted(Part::Reasons) {
            writeln!(out, "REASONS of catalogue {}", playbook.catalog.version)?;
            for entry in playbook.catalog.entries() {
                writeln!(
                    out,
                    "  {:>4} {:<36} {:<9} {:<20} {}",
                    entry.number,
                    entry.code,
                    entry.disclosure,
                    entry.public_reason,
                    entry.next_step
                )?;
            }
        }
        page(&out)
    }
}
