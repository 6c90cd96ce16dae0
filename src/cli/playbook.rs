//! Options that say which files decide: shared by every command that decides.

use std::path::PathBuf;

use clap::Args;

use crate::app::PlaybookFiles;

#[derive(Clone, Debug, Args)]
pub(super) struct Playbook {
    /// Policy to decide by, instead of the shipped one.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    rest: Rest,
}

/// All but the policy.
#[derive(Clone, Debug, Args)]
pub(super) struct Rest {
    /// Reason catalogue, instead of the shipped one.
    #[arg(long, value_name = "FILE")]
    reasons: Option<PathBuf>,
    /// Model for the credit score, made by `train`, not the shipped one; `none` goes without.
    #[arg(long, value_name = "FILE")]
    credit_model: Option<PathBuf>,
    /// The same for the fraud score.
    #[arg(long, value_name = "FILE")]
    fraud_model: Option<PathBuf>,
}

impl Playbook {
    pub fn files(self) -> PlaybookFiles {
        self.rest.files(self.policy)
    }
}

impl Rest {
    pub fn files(self, policy: Option<PathBuf>) -> PlaybookFiles {
        let Rest { reasons, credit_model, fraud_model } = self;
        PlaybookFiles { policy, reasons, credit_model, fraud_model }
    }
}
