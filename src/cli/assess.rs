//! `assess`: send one request from a JSON file to a running service and print the decision.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use tonic::Request;

use super::json::{printed, read, typed};
use super::print;
use super::server::Server;
use crate::grpc::pb;
use crate::grpc::pb::risk_decision_service_client::RiskDecisionServiceClient;

#[derive(Debug, Args)]
pub(super) struct Assess {
    /// proto3 JSON of an EvaluatePurchaseRequest, or with `terms` of an EvaluateOneTimeCardRequest;
    /// `-` is standard input. Without a `request_id` a new one is made.
    file: PathBuf,
    #[command(flatten)]
    server: Server,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Role to ask in. Without credentials it is auditor unless it is named, and shows the evidence
    /// too; with them it is the only one that the caller has.
    #[arg(long)]
    role: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Assess {
    pub async fn run(self) -> Result<()> {
        let name = self.file.display().to_string();
        let mut json = read(&self.file)?;
        let Some(fields) = json.as_object_mut() else {
            bail!("{name}: expected a JSON object");
        };
        fields.entry("request_id").or_insert_with(|| uuid::Uuid::now_v7().to_string().into());
        let is_card = fields.contains_key("terms");
        let mut client = RiskDecisionServiceClient::new(self.server.connect().await?);
        let (decision, answer) = if is_card {
            let asked: pb::EvaluateOneTimeCardRequest =
                typed(json, "surety.v1.EvaluateOneTimeCardRequest", &name)?;
            let answer = client.evaluate_one_time_card(self.request(asked)?).await;
            let answer = answer.map_err(print::status)?.into_inner();
            (answer.decision.clone(), printed(&answer, "surety.v1.EvaluateOneTimeCardResponse")?)
        } else {
            let asked: pb::EvaluatePurchaseRequest =
                typed(json, "surety.v1.EvaluatePurchaseRequest", &name)?;
            let answer = client.evaluate_purchase(self.request(asked)?).await;
            let answer = answer.map_err(print::status)?.into_inner();
            (answer.decision.clone(), printed(&answer, "surety.v1.EvaluatePurchaseResponse")?)
        };
        match (self.format, decision) {
            (Format::Json, _) => println!("{answer}"),
            (Format::Text, Some(decision)) => print::decision(&decision),
            (Format::Text, None) => bail!("the service answered without a decision"),
        }
        Ok(())
    }

    fn request<T>(&self, message: T) -> Result<Request<T>> {
        self.server.request(message, self.role.as_deref(), "auditor")
    }
}
