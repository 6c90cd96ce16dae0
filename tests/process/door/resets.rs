//! Streams that are opened and reset at once (CVE-2023-44487): the connection ends, others do not.

use std::future::poll_fn;

use h2::Reason;
use tokio::net::TcpStream;
use tonic::codegen::http::{Method, Request, Version};

use super::service::{Place, ask, plain};
use crate::server::Server;

const RESETS: usize = 20_000;
const CONNECTIONS: usize = 10;

/// Opens streams and resets them until the server has enough; how many it took.
async fn flood(server: &Server) -> usize {
    let stream = TcpStream::connect(&server.address).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut sent = 0;
    while sent < RESETS {
        let request = Request::builder()
            .method(Method::POST)
            .version(Version::HTTP_2)
            .uri("http://surety/surety.v1.RiskDecisionService/EvaluatePurchase")
            .header("content-type", "application/grpc")
            .body(())
            .unwrap();
        if poll_fn(|context| client.poll_ready(context)).await.is_err() {
            break;
        }
        let Ok((_answer, mut stream)) = client.send_request(request, false) else { break };
        stream.send_reset(Reason::CANCEL);
        sent += 1;
        if sent % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    drop(client);
    let ended = connection.await.unwrap();
    if sent < RESETS {
        let error = ended.unwrap_err();
        assert!(error.is_io() || error.reason() == Some(Reason::ENHANCE_YOUR_CALM), "{error}");
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn rapid_resets_end_their_connection_and_no_other() {
    let place = Place::new();
    let server = place.serve(&[]);
    let channel = plain(&server).await;
    let floods = futures_util::future::join_all((0..CONNECTIONS).map(|_| flood(&server)));
    let bystander = async {
        for _ in 0..100 {
            ask(channel.clone(), None).await.unwrap();
        }
    };
    let (sent, ()) = tokio::join!(floods, bystander);
    assert!(sent.iter().all(|sent| *sent < RESETS), "{sent:?}");
    ask(plain(&server).await, None).await.unwrap();
    let log = server.stop().err;
    let lines = log.lines().filter(|line| line.contains("\"kind\":\"flood\"")).count();
    assert_eq!(lines, 1, "{log}");
}
