//! The calls of ReasonCatalogService.

use tonic::{Request, Response, Status, async_trait};

use super::Handlers;
use crate::grpc::pb::reason_catalog_service_server::ReasonCatalogService;
use crate::grpc::role::{Rpc, caller};
use crate::grpc::{from_proto, pb, to_proto};
use crate::policy::ReasonCatalog;
use crate::service::Error;

#[async_trait]
impl ReasonCatalogService for Handlers {
    async fn list_reason_codes(
        &self,
        request: Request<pb::ListReasonCodesRequest>,
    ) -> Result<Response<pb::ListReasonCodesResponse>, Status> {
        let role = caller(&request, Rpc::ReadCatalog)?.role;
        let asked = from_proto::list_reason_codes(self.reader(), &request.into_inner());
        let asked = asked.map_err(Error::Invalid)?;
        let catalog = self.service.catalog();
        in_force(catalog, &asked.version)?;
        let info = |entry| to_proto::reason_code_info(entry, catalog, &asked.locale, role);
        let reason_codes = catalog.entries().iter().map(info).collect();
        let catalog_version = catalog.version.clone();
        Ok(Response::new(pb::ListReasonCodesResponse { reason_codes, catalog_version }))
    }

    async fn get_reason_code(
        &self,
        request: Request<pb::GetReasonCodeRequest>,
    ) -> Result<Response<pb::GetReasonCodeResponse>, Status> {
        let role = caller(&request, Rpc::ReadCatalog)?.role;
        let request = request.into_inner();
        let asked = from_proto::get_reason_code(self.reader(), &request);
        let (code, asked) = asked.map_err(Error::Invalid)?;
        let catalog = self.service.catalog();
        in_force(catalog, &asked.version)?;
        let code = code.ok_or_else(|| not_found("REASON_CODE_NOT_FOUND", request.code))?;
        let entry = catalog.entry(code);
        let info = to_proto::reason_code_info(entry, catalog, &asked.locale, role);
        let catalog_version = catalog.version.clone();
        Ok(Response::new(pb::GetReasonCodeResponse { reason_code: Some(info), catalog_version }))
    }
}

/// Only the version in force can be read; an empty one asks for it.
fn in_force(catalog: &ReasonCatalog, version: &str) -> Result<(), Error> {
    match version.is_empty() || version == catalog.version {
        true => Ok(()),
        false => Err(not_found("CATALOG_VERSION_NOT_FOUND", version)),
    }
}

fn not_found(reason: &'static str, name: impl ToString) -> Error {
    Error::NotFound { what: "reason code", reason, name: name.to_string() }
}
