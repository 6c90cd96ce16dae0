//! The calls of AccountService.

use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{Handlers, answer};
use crate::domain::{RestrictionId, Seen};
use crate::grpc::pb::account_service_server::AccountService;
use crate::grpc::role::{Rpc, caller};
use crate::grpc::{from_proto, pb, to_proto};
use crate::service::Error;

#[async_trait]
impl AccountService for Handlers {
    async fn upsert_account(
        &self,
        request: Request<pb::UpsertAccountRequest>,
    ) -> Result<Response<pb::UpsertAccountResponse>, Status> {
        let caller = caller(&request, Rpc::UpsertAccount)?;
        let asked = from_proto::upsert_account(self.reader(), request.into_inner());
        let answered = self.service.upsert_account(caller, asked.map_err(Error::Invalid)?).await?;
        let (account, etag) = answered.value;
        let account = Some(to_proto::account(&account, etag));
        Ok(answer(pb::UpsertAccountResponse { account }, answered.replayed))
    }

    async fn get_account(
        &self,
        request: Request<pb::GetAccountRequest>,
    ) -> Result<Response<pb::GetAccountResponse>, Status> {
        let caller = caller(&request, Rpc::GetAccount)?;
        let id = from_proto::account_id(self.reader(), &request.into_inner().account_id);
        let id = id.map_err(Error::Invalid)?;
        self.limiter.count_account(&caller, id.as_str())?;
        let (account, etag) = self.service.account(id).await?;
        self.service.record_read(&caller, "GetAccount", Seen::account(&account.id)).await?;
        let account = Some(to_proto::account(&account, etag));
        Ok(Response::new(pb::GetAccountResponse { account }))
    }

    async fn record_account_events(
        &self,
        request: Request<pb::RecordAccountEventsRequest>,
    ) -> Result<Response<pb::RecordAccountEventsResponse>, Status> {
        let caller = caller(&request, Rpc::RecordAccountEvents)?;
        let batch = from_proto::record_account_events(self.reader(), request.into_inner());
        let answered = self.service.record_events(caller, batch.map_err(Error::Invalid)?).await?;
        let results = to_proto::event_results(answered.value);
        Ok(answer(pb::RecordAccountEventsResponse { results }, answered.replayed))
    }

    async fn set_restriction(
        &self,
        request: Request<pb::SetRestrictionRequest>,
    ) -> Result<Response<pb::SetRestrictionResponse>, Status> {
        let caller = caller(&request, Rpc::SetRestriction)?;
        let id = RestrictionId(Uuid::now_v7());
        let asked = from_proto::set_restriction(self.reader(), request.into_inner(), id);
        let answered = self.service.set_restriction(caller, asked.map_err(Error::Invalid)?).await?;
        let restriction = Some(to_proto::restriction(&answered.value));
        Ok(answer(pb::SetRestrictionResponse { restriction }, answered.replayed))
    }

    async fn lift_restriction(
        &self,
        request: Request<pb::LiftRestrictionRequest>,
    ) -> Result<Response<pb::LiftRestrictionResponse>, Status> {
        let caller = caller(&request, Rpc::LiftRestriction)?;
        let asked = from_proto::lift_restriction(self.reader(), request.into_inner());
        let asked = asked.map_err(Error::Invalid)?;
        let answered = self.service.lift_restriction(caller, asked).await?;
        let restriction = Some(to_proto::restriction(&answered.value));
        Ok(answer(pb::LiftRestrictionResponse { restriction }, answered.replayed))
    }

    async fn list_restrictions(
        &self,
        request: Request<pb::ListRestrictionsRequest>,
    ) -> Result<Response<pb::ListRestrictionsResponse>, Status> {
        let caller = caller(&request, Rpc::ListRestrictions)?;
        let id = from_proto::account_id(self.reader(), &request.into_inner().account_id);
        let id = id.map_err(Error::Invalid)?;
        let seen = Seen::account(&id);
        let found = self.service.restrictions(&caller, id).await?;
        self.service.record_read(&caller, "ListRestrictions", seen).await?;
        // The service has left out what the role may not see; this door does not rely on it.
        let seen = found.iter().filter(|restriction| restriction.kind.seen_by(caller.role));
        let restrictions = seen.map(to_proto::restriction).collect();
        Ok(Response::new(pb::ListRestrictionsResponse { restrictions }))
    }

    async fn erase_account(
        &self,
        request: Request<pb::EraseAccountRequest>,
    ) -> Result<Response<pb::EraseAccountResponse>, Status> {
        let caller = caller(&request, Rpc::EraseAccount)?;
        let asked = from_proto::erase_account(self.reader(), request.into_inner());
        let answered = self.service.erase_account(caller, asked.map_err(Error::Invalid)?).await?;
        Ok(answer(to_proto::erased(&answered.value), answered.replayed))
    }
}
