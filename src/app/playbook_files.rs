//! Which files decide, and what the binary carries in place of those that are not named.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::playbook::{FileText, Playbook, SHIPPED, Sources};

/// Which files decide; `None` takes the one that the binary carries.
#[derive(Clone, Debug, Default)]
pub struct PlaybookFiles {
    pub policy: Option<PathBuf>,
    pub reasons: Option<PathBuf>,
    /// The word `none` in place of a file is no model.
    pub credit_model: Option<PathBuf>,
    pub fraud_model: Option<PathBuf>,
}

impl PlaybookFiles {
    pub fn load(&self) -> Result<Playbook> {
        let (policy, reasons) = (Named::some(&self.policy)?, Named::some(&self.reasons)?);
        let credit = ModelFile::of(&self.credit_model)?;
        let fraud = ModelFile::of(&self.fraud_model)?;
        Ok(Playbook::parse(&Sources {
            policy: policy.as_ref().map_or(SHIPPED.policy, Named::as_text),
            reasons: reasons.as_ref().map_or(SHIPPED.reasons, Named::as_text),
            credit_model: credit.or(SHIPPED.credit_model),
            fraud_model: fraud.or(SHIPPED.fraud_model),
        })?)
    }
}

/// A file's name for messages, and its text.
struct Named {
    name: String,
    text: String,
}

impl Named {
    fn read(path: &Path) -> Result<Named> {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        Ok(Named { name, text })
    }

    fn some(path: &Option<PathBuf>) -> Result<Option<Named>> {
        path.as_deref().map(Named::read).transpose()
    }

    fn as_text(&self) -> FileText<'_> {
        FileText { name: &self.name, text: &self.text }
    }
}

/// Where a model comes from.
enum ModelFile {
    Shipped,
    Nowhere,
    File(Named),
}

impl ModelFile {
    fn of(path: &Option<PathBuf>) -> Result<ModelFile> {
        match path {
            None => Ok(ModelFile::Shipped),
            Some(path) if path.as_os_str() == "none" => Ok(ModelFile::Nowhere),
            Some(path) => Named::read(path).map(ModelFile::File),
        }
    }

    fn or<'a>(&'a self, shipped: Option<FileText<'a>>) -> Option<FileText<'a>> {
        match self {
            ModelFile::Shipped => shipped,
            ModelFile::Nowhere => None,
            ModelFile::File(file) => Some(file.as_text()),
        }
    }
}
