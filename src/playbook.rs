//! Policy, reason catalogue and models with their fingerprint: one immutable thing, swapped whole.

use sha2::{Digest, Sha256};

use crate::domain::Versions;
use crate::policy::{LoadError, Place, Policy, ReasonCatalog};
use crate::scoring::SpendingModel;

/// A file by its name for messages, and its text.
#[derive(Clone, Copy, Debug)]
pub struct FileText<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

/// The files that the binary carries, so that it runs from any folder.
pub const SHIPPED_POLICY: FileText<'static> =
    FileText { name: "policy.toml", text: include_str!("../models/policy.toml") };
pub const SHIPPED_REASONS: FileText<'static> =
    FileText { name: "reasons.toml", text: include_str!("../models/reasons.toml") };

/// What decisions are made with.
#[derive(Clone, Debug)]
pub struct Playbook {
    pub policy: Policy,
    pub catalog: ReasonCatalog,
    pub spending: SpendingModel,
    pub versions: Versions,
}

impl Playbook {
    /// Loads and checks both files.
    pub fn parse(policy: FileText<'_>, reasons: FileText<'_>) -> Result<Playbook, LoadError> {
        let catalog = ReasonCatalog::parse(reasons.name, reasons.text)?;
        let loaded = Policy::parse(policy.name, policy.text)?;
        let spending = SpendingModel::new().ok_or_else(|| {
            let start = Place { line: 1, column: 1 };
            LoadError::at(policy.name, start, "the signal catalog lacks a spending reading")
        })?;
        let mut hash = Sha256::new();
        for text in [policy.text, reasons.text] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        let fingerprint = hash.finalize()[..8].iter().map(|b| format!("{b:02x}")).collect();
        let versions = Versions {
            policy: loaded.version.clone(),
            catalog: catalog.version.clone(),
            text: catalog.text_version.clone(),
            fingerprint,
        };
        Ok(Playbook { policy: loaded, catalog, spending, versions })
    }
}
