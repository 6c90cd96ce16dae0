//! Reads by staff that cannot be recorded are refused; everybody else goes on.

use sqlx::{Connection, PgConnection};
use tonic::Code;
use uuid::Uuid;

use crate::client::{Ask, Client};
use crate::replicas::postgres::Postgres;
use crate::sample::{account, purchase};
use crate::service::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_are_shown_nothing_that_cannot_be_recorded() {
    let postgres = Postgres::start("fsync = off");
    let (site, address) = (Site::new(), postgres.database().await);
    std::fs::write(site.path("step-up.key"), [9; 32]).unwrap();
    let mut command = site.command("one", "embedded");
    command.args(["--ledger", &address, "--step-up-key"]).arg(site.path("step-up.key"));
    let service = site.start_by("one", command);
    let mut shop = Client::connect(&service.address).await.unwrap();
    let mut auditor = shop.as_auditor();
    shop.upsert(account("acc-1", 100_000)).await;
    let buy = |amount| Ask::buy(Uuid::now_v7().to_string(), purchase("acc-1", amount));
    let bought = shop.ask(&buy(1_000)).await.unwrap();
    auditor.decision(&bought.decision_id).await.unwrap();

    let mut database = PgConnection::connect(&address).await.unwrap();
    let run = async |database: &mut PgConnection, text: &'static str| {
        sqlx::raw_sql(text).execute(database).await.unwrap();
    };
    run(&mut database, "ALTER TABLE staff_reads RENAME TO gone").await;
    let refused = auditor.decision(&bought.decision_id).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    shop.decision(&bought.decision_id).await.unwrap();
    shop.ask(&buy(1_100)).await.unwrap();

    run(&mut database, "ALTER TABLE gone RENAME TO staff_reads").await;
    auditor.decision(&bought.decision_id).await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM staff_reads")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(kept, 2);
}
