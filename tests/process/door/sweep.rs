//! Every call that the descriptors know, without credentials.

use prost_reflect::DescriptorPool;
use surety::grpc::pb;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;

use super::service::{Place, plain, unauthenticated, why, with_token};

/// Paths of all calls.
fn paths() -> Vec<String> {
    let pool = DescriptorPool::decode(pb::DESCRIPTORS).unwrap();
    let calls = pool.services().flat_map(|service| {
        let name = service.full_name().to_owned();
        service.methods().map(|call| format!("/{name}/{}", call.name())).collect::<Vec<_>>()
    });
    calls.collect()
}

async fn told(channel: &Channel, path: &str, token: Option<&str>) -> (Code, String) {
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let codec: tonic_prost::ProstCodec<(), ()> = Default::default();
    why(grpc.unary(with_token(token, ()), path.parse().unwrap(), codec).await)
}

#[tokio::test]
async fn nothing_but_health_is_told_to_who_shows_no_credentials() {
    let place = Place::new();
    place.add(&["anna", "--role", "agent"]);
    let server = place.serve(&[]);
    let channel = plain(&server).await;
    let paths = paths();
    assert!(paths.len() >= 30, "only {} calls were found", paths.len());
    let made_up = format!("srt_{}", "x".repeat(43));
    let elsewhere = ["/surety.v1.RiskDecisionService/Nothing", "/nothing.at.All/Nothing"];
    for path in paths.iter().map(String::as_str).chain(elsewhere) {
        for (token, reason) in [
            (None, "CREDENTIALS_MISSING"),
            (Some(made_up.as_str()), "TOKEN_UNKNOWN"),
            (Some("srt_"), "TOKEN_UNKNOWN"),
        ] {
            assert_eq!(told(&channel, path, token).await, unauthenticated(reason), "{path}");
        }
    }
    let none = tokio_stream::iter(Vec::new());
    let told = ServerReflectionClient::new(channel.clone()).server_reflection_info(none).await;
    assert_eq!(why(told), unauthenticated("CREDENTIALS_MISSING"));
    let check = HealthCheckRequest { service: "surety.v1.RiskDecisionService".into() };
    let health = HealthClient::new(channel).check(check).await.unwrap().into_inner();
    assert_eq!(health.status().as_str_name(), "SERVING");
}
