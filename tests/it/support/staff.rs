//! What staff do: find decisions, look at an account.

use surety::grpc::pb;
use tonic::Status;

use super::{TestApp, by};
use pb::search_decisions_request::Search;

impl TestApp {
    /// The decisions of all pages, with what was asked.
    pub fn find(&self, role: &'static str, search: Search) -> Vec<pb::FoundDecision> {
        let mut found = Vec::new();
        let mut request = pb::SearchDecisionsRequest { search: Some(search), ..Default::default() };
        loop {
            let page = self.try_search(role, request.clone()).unwrap();
            found.extend(page.decisions);
            if page.next_page_token.is_empty() {
                return found;
            }
            assert_ne!(page.next_page_token, request.page_token, "a search without end");
            request.page_token = page.next_page_token;
        }
    }

    pub fn try_search(
        &self,
        role: &'static str,
        request: pb::SearchDecisionsRequest,
    ) -> Result<pb::SearchDecisionsResponse, Status> {
        let answer = self.block_on(self.support().search_decisions(by(role, request)))?;
        Ok(answer.into_inner())
    }

    pub fn try_summary(
        &self,
        role: &'static str,
        account: &str,
    ) -> Result<pb::GetAccountSummaryResponse, Status> {
        let request = pb::GetAccountSummaryRequest { account_id: account.to_owned() };
        let answer = self.block_on(self.support().get_account_summary(by(role, request)))?;
        Ok(answer.into_inner())
    }
}
