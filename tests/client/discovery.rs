//! Health and both reflections, by the clients that Python users have.

use std::process::Command;

use crate::server::{Server, python, standard_output};

const EXPECTED: &str = "\
health (server) SERVING
health surety.v1.RiskDecisionService SERVING
health surety.v1.AccountService SERVING
health surety.v1.OneTimeCardService SERVING
health surety.v1.ReasonCatalogService SERVING
health surety.v1.ReviewService SERVING
v1alpha grpc.health.v1.Health 0
v1alpha grpc.reflection.v1alpha.ServerReflection 0
v1alpha surety.v1.AccountService 6
v1alpha surety.v1.OneTimeCardService 6
v1alpha surety.v1.ReasonCatalogService 2
v1alpha surety.v1.ReviewService 10
v1alpha surety.v1.RiskDecisionService 9
v1alpha surety.v1.EvaluatePurchaseRequest ['request_id', 'context']
v1 grpc.health.v1.Health
v1 grpc.reflection.v1.ServerReflection
v1 surety.v1.AccountService
v1 surety.v1.OneTimeCardService
v1 surety.v1.ReasonCatalogService
v1 surety.v1.ReviewService
v1 surety.v1.RiskDecisionService
";

#[test]
fn stock_clients_find_health_and_both_reflections() {
    let server = Server::start();
    let mut command = Command::new(python());
    let found = standard_output(command.arg("tests/python/discovery.py").arg(&server.address));
    assert_eq!(found, EXPECTED);
}
