//! `erase`: have a running service erase the person behind an account, or a guest.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::json::{read, typed};
use super::print;
use super::server::Server;
use crate::grpc::pb;
use crate::grpc::pb::account_service_client::AccountServiceClient;

#[derive(Debug, Args)]
pub(super) struct Erase {
    /// The account. What it owes, decisions and the account itself stay; what is known of the
    /// person goes for good.
    #[arg(required_unless_present = "guest", conflicts_with = "guest")]
    account: Option<String>,
    /// A guest instead: file with proto3 JSON of a GuestIdentity, such as
    /// {"email": "a@example.com"}, as the guest's purchases named it; `-` is standard input. No
    /// command line shows the contact.
    #[arg(long, value_name = "FILE")]
    guest: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
    /// Role to ask in: ledger or compliance. Without credentials it is compliance unless it is
    /// named; with them it is the only one that the caller has.
    #[arg(long)]
    role: Option<String>,
    /// The UUID of an erasure whose answer got lost: it is then told again. A new one when not
    /// given.
    #[arg(long, value_name = "UUID")]
    request_id: Option<String>,
}

impl Erase {
    pub async fn run(self) -> Result<()> {
        let guest = self.guest()?;
        let mut client = AccountServiceClient::new(self.server.connect().await?);
        let request_id = self.request_id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        let account_id = self.account.unwrap_or_default();
        let who = if guest.is_some() { "the guest".to_owned() } else { account_id.clone() };
        let message = pb::EraseAccountRequest { request_id, account_id, guest };
        let request = self.server.request(message, self.role.as_deref(), "compliance")?;
        let erased = client.erase_account(request).await.map_err(print::status)?.into_inner();
        print::page(&report(&who, &erased))
    }

    fn guest(&self) -> Result<Option<pb::GuestIdentity>> {
        let Some(path) = &self.guest else { return Ok(None) };
        let name = path.display().to_string();
        typed(read(path)?, "surety.v1.GuestIdentity", &name).map(Some)
    }
}

fn report(who: &str, erased: &pb::EraseAccountResponse) -> String {
    let time = erased.erase_time.unwrap_or_default();
    format!(
        "erased {who} at {time}\n  \
         raw contexts     {}\n  \
         signal events    {}\n  \
         account fields   {}\n  \
         signal parties   {}\n  \
         staff texts      {}\n  \
         card numbers     {}\n",
        erased.raw_contexts,
        erased.signal_events,
        erased.account_fields,
        erased.signal_parties,
        erased.staff_texts,
        erased.card_numbers
    )
}
