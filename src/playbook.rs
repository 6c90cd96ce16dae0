//! Policy, reason catalogue and models with their fingerprint: one immutable thing, swapped whole.

use sha2::{Digest, Sha256};

use crate::domain::{Component, Disclosure, ReasonCategory, ReasonCode, Versions};
use crate::features;
use crate::policy::{LoadError, Place, Policy, ReasonCatalog};
use crate::scoring::{Model, SpendingModel};

/// A file by its name for messages, and its text.
#[derive(Clone, Copy, Debug)]
pub struct FileText<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

/// What a playbook is made of. Without a model its component has the points of the rules alone.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    pub policy: FileText<'a>,
    pub reasons: FileText<'a>,
    pub credit_model: Option<FileText<'a>>,
    pub fraud_model: Option<FileText<'a>>,
}

/// The files that the binary carries, so that it runs from any folder.
pub const SHIPPED_POLICY: FileText<'static> =
    FileText { name: "policy.toml", text: include_str!("../models/policy.toml") };
pub const SHIPPED_REASONS: FileText<'static> =
    FileText { name: "reasons.toml", text: include_str!("../models/reasons.toml") };
pub const SHIPPED: Sources<'static> = Sources {
    policy: SHIPPED_POLICY,
    reasons: SHIPPED_REASONS,
    credit_model: Some(FileText {
        name: "credit/model.json",
        text: include_str!("../models/credit/model.json"),
    }),
    fraud_model: Some(FileText {
        name: "fraud/model.json",
        text: include_str!("../models/fraud/model.json"),
    }),
};

/// What decisions are made with.
#[derive(Clone, Debug)]
pub struct Playbook {
    pub policy: Policy,
    pub catalog: ReasonCatalog,
    pub spending: SpendingModel,
    pub versions: Versions,
    credit: Option<Model>,
    fraud: Option<Model>,
    /// Slots that some rule or model reads, scores and thresholds left out.
    used: Vec<u16>,
}

impl Playbook {
    /// Loads and checks every file.
    pub fn parse(sources: &Sources<'_>) -> Result<Playbook, LoadError> {
        let Sources { policy, reasons, credit_model, fraud_model } = *sources;
        let catalog = ReasonCatalog::parse(reasons.name, reasons.text)?;
        let loaded = Policy::parse(policy.name, policy.text)?;
        let spending = SpendingModel::new().ok_or_else(|| {
            let start = Place { line: 1, column: 1 };
            LoadError::at(policy.name, start, "the signal catalog lacks a spending reading")
        })?;
        let (credit, fraud) = (model(credit_model, &catalog)?, model(fraud_model, &catalog)?);
        let mut hash = Sha256::new();
        for text in [Some(policy), Some(reasons), credit_model, fraud_model] {
            let text = text.map_or("", |file| file.text);
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        let fingerprint = hash.finalize()[..8].iter().map(|b| format!("{b:02x}")).collect();
        let version =
            |model: &Option<Model>| model.as_ref().map_or_else(String::new, Model::version);
        let versions = Versions {
            policy: loaded.version.clone(),
            catalog: catalog.version.clone(),
            text: catalog.text_version.clone(),
            credit: version(&credit),
            fraud: version(&fraud),
            fingerprint,
        };
        let of_models = credit.iter().chain(&fraud).flat_map(Model::slots);
        let mut used: Vec<u16> = loaded.used_slots().iter().chain(of_models).copied().collect();
        used.retain(|slot| !features::is_score(*slot));
        used.sort_unstable();
        used.dedup();
        Ok(Playbook { policy: loaded, catalog, spending, versions, credit, fraud, used })
    }

    /// The model that scores a component.
    pub fn model(&self, component: Component) -> Option<&Model> {
        match component {
            Component::Credit => self.credit.as_ref(),
            Component::Fraud => self.fraud.as_ref(),
            Component::Affordability | Component::Spending => None,
        }
    }

    /// Slots that are worth filling before rules are tried and models asked.
    pub fn used_slots(&self) -> &[u16] {
        &self.used
    }
}

fn model(file: Option<FileText<'_>>, catalog: &ReasonCatalog) -> Result<Option<Model>, LoadError> {
    let Some(file) = file else { return Ok(None) };
    let fault = |problem| LoadError::at(file.name, Place { line: 1, column: 1 }, problem);
    let model = Model::parse(file.text.as_bytes()).map_err(|error| fault(error.to_string()))?;
    // What a model tells is weighed against somebody, and may be told to somebody.
    let unfit = |code: &ReasonCode| {
        let entry = catalog.entry(*code);
        let kind = code.category();
        entry.favourable
            || entry.disclosure == Disclosure::No
            || matches!(kind, ReasonCategory::System | ReasonCategory::Compliance)
    };
    match model.reasons().into_iter().find(unfit) {
        Some(code) => Err(fault(format!("{code} cannot be the reason of a model"))),
        None => Ok(Some(model)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_models_were_made_by_the_specs_beside_them() {
        for (model, spec) in [
            (SHIPPED.credit_model, include_str!("../models/credit/spec.toml")),
            (SHIPPED.fraud_model, include_str!("../models/fraud/spec.toml")),
        ] {
            let artifact: serde_json::Value = serde_json::from_str(model.unwrap().text).unwrap();
            let digest = Sha256::digest(spec);
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(artifact["training"]["spec_sha256"], digest, "{}", model.unwrap().name);
        }
    }

    #[test]
    fn a_model_tells_nothing_that_only_compliance_or_we_ourselves_may() {
        let shipped = SHIPPED.credit_model.unwrap();
        for code in ["REPAYMENT_RECORD_GOOD", "SANCTIONS_POSSIBLE_MATCH", "DATA_SOURCE_UNAVAILABLE"]
        {
            let mut card = crate::scoring::Scorecard::parse(shipped.text.as_bytes()).unwrap();
            card.characteristics[0].reason = ReasonCode::from_name(code).unwrap();
            let bytes = card.seal().unwrap().1;
            let text = std::str::from_utf8(&bytes).unwrap();
            let credit_model = Some(FileText { name: "my-card.json", text });
            let refused = Playbook::parse(&Sources { credit_model, ..SHIPPED }).unwrap_err();
            let told = format!("my-card.json:1:1: {code} cannot be the reason of a model");
            assert_eq!(refused.to_string(), told);
        }
    }
}
