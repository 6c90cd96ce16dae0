//! Passwords, rights and certificates of the store.

use crate::servers::{Kind, RedisServer};
use crate::service::Site;
use crate::unfit::{gets_fit, is_unfit};

/// Everything that the service needs, and nothing else.
const RIGHTS: [&str; 12] = [
    "~surety:*",
    "+info",
    "+get",
    "+set",
    "+del",
    "+append",
    "+sadd",
    "+sismember",
    "+pexpire",
    "+eval",
    "+evalsha",
    "-keys",
];

fn with_user<'a>(rights: &[&'a str]) -> Vec<&'a str> {
    [&["--user", "app", "on", ">s3cret"], rights].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_least_rights_from_a_password_file() {
    for kind in [Kind::Redis, Kind::Valkey] {
        let server = RedisServer::start_with(kind, &with_user(&RIGHTS)).await;
        let site = Site::new();
        std::fs::write(site.path("password"), "s3cret\n").unwrap();
        let mut command =
            site.command("service", &format!("redis://app@127.0.0.1:{}", server.port()));
        command.arg("--signals-password-file").arg(site.path("password"));
        let service = site.start_by("service", command);
        gets_fit(&service).await;
        assert!(service.told("denied").is_empty(), "{}", service.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_run_scripts() {
    for missing in ["+eval", "+evalsha"] {
        let rights: Vec<&str> = RIGHTS.into_iter().filter(|right| *right != missing).collect();
        let server = RedisServer::start_with(Kind::Redis, &with_user(&rights)).await;
        let site = Site::new();
        let url = format!("redis://app:s3cret@127.0.0.1:{}", server.port());
        let service = site.start("service", &url);
        is_unfit(&service, "denied").await;
        server.command(&["ACL", "SETUSER", "app", missing]).await;
        gets_fit(&service).await;
        assert!(service.told("s3cret").is_empty(), "{}", service.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_by_an_authority_that_is_trusted() {
    let server = RedisServer::start_tls().await;
    let site = Site::new();
    let mut command = site.command("service", &server.url());
    command.arg("--signals-ca-file").arg(server.certificate());
    let service = site.start_by("service", command);
    gets_fit(&service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_by_another_authority() {
    let (server, other) = (RedisServer::start_tls().await, RedisServer::start_tls().await);
    let site = Site::new();
    let mut command = site.command("other", &server.url());
    command.arg("--signals-ca-file").arg(other.certificate());
    let services = [site.start_by("other", command), site.start("system", &server.url())];
    for service in services {
        is_unfit(&service, "unreachable").await;
        assert!(!service.told("certificate").is_empty(), "{}", service.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_not_spoken_to_in_the_clear() {
    let server = RedisServer::start(Kind::Redis).await;
    let site = Site::new();
    let service = site.start("service", &server.url().replace("redis://", "rediss://"));
    is_unfit(&service, "").await;
}
