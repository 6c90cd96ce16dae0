//! What is done first when not everything can be done at once.

use crate::grpc::gate::HEALTH;

/// A class of calls; an earlier one goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A shopper or a card network waits for the answer.
    Decide,
    /// Lenders and reviewers write, and shops look up what they asked for.
    Work,
    /// Lists, searches and summaries, and all that is not named here.
    Look,
}

impl Class {
    /// In the order in which they go.
    pub const ALL: [Class; 3] = [Class::Decide, Class::Work, Class::Look];
}

/// What our services begin with.
const OURS: &str = "/surety.v1.";

/// The class of a call by its path; `None` for health, which is always answered.
pub fn class(path: &str) -> Option<Class> {
    if path.starts_with(HEALTH) {
        return None;
    }
    let call = path.strip_prefix(OURS).and_then(|call| call.split_once('/'));
    Some(call.and_then(known).unwrap_or(Class::Look))
}

/// Whether each call to this path has one message, which can be read before the call is begun.
pub fn has_one_message(path: &str) -> bool {
    path.starts_with(OURS)
}

/// Whether a call only reads: then it ends with its caller, and its place is free.
pub fn reads(path: &str) -> bool {
    let method = path.rsplit_once('/').map_or("", |(_, method)| method);
    ["Get", "List", "Search", "Watch", "Preview"].iter().any(|word| method.starts_with(word))
}

fn known((service, method): (&str, &str)) -> Option<Class> {
    let class = match (service, method) {
        (
            "RiskDecisionService",
            "EvaluatePurchase"
            | "EvaluateOneTimeCard"
            | "SubmitStepUp"
            | "ConfirmPurchase"
            | "CancelDecision",
        )
        | (
            "OneTimeCardService",
            "ActivateOneTimeCard"
            | "AuthorizeOneTimeCard"
            | "AdjustOneTimeCard"
            | "CancelOneTimeCard",
        ) => Class::Decide,
        ("RiskDecisionService", "PreviewSpendingPower" | "GetDecision" | "WatchDecision")
        | ("OneTimeCardService", "GetOneTimeCard")
        | (
            "AccountService",
            "UpsertAccount"
            | "GetAccount"
            | "RecordAccountEvents"
            | "SetRestriction"
            | "LiftRestriction"
            | "EraseAccount",
        )
        | (
            "ReviewService",
            "ClaimReviewCase"
            | "ReleaseReviewCase"
            | "ClaimNextReviewCase"
            | "ResolveReviewCase"
            | "EscalateReviewCase"
            | "AddReviewNote",
        ) => Class::Work,
        ("RiskDecisionService", "ListDecisions")
        | ("OneTimeCardService", "ListOneTimeCards")
        | ("AccountService", "ListRestrictions")
        | (
            "ReviewService",
            "ListReviewCases" | "GetReviewCase" | "ListReviewNotes" | "ListRelatedDecisions",
        )
        | ("SupportService", "SearchDecisions" | "GetAccountSummary")
        | ("ReasonCatalogService", "ListReasonCodes" | "GetReasonCode") => Class::Look,
        _ => return None,
    };
    Some(class)
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::grpc::pb;

    #[test]
    fn every_call_has_a_class_of_its_own_and_one_message() {
        let mut calls = 0;
        for file in FileDescriptorSet::decode(pb::DESCRIPTORS).unwrap().file {
            for service in &file.service {
                for method in &service.method {
                    assert!(known((service.name(), method.name())).is_some(), "{}", method.name());
                    assert!(!method.client_streaming(), "{}", method.name());
                    calls += 1;
                }
            }
        }
        assert!(calls > 30, "{calls}");
    }

    #[test]
    fn what_reads_is_known_by_its_name() {
        let path = |method| format!("/surety.v1.RiskDecisionService/{method}");
        for method in ["GetDecision", "ListDecisions", "WatchDecision", "PreviewSpendingPower"] {
            assert!(reads(&path(method)), "{method}");
        }
        for method in ["EvaluatePurchase", "ConfirmPurchase", "SetRestriction", ""] {
            assert!(!reads(&path(method)), "{method}");
        }
    }

    #[test]
    fn health_is_in_no_class_and_what_nobody_serves_in_the_last() {
        for (path, expected) in [
            ("/grpc.health.v1.Health/Check", None),
            ("/surety.v1.RiskDecisionService/EvaluatePurchase", Some(Class::Decide)),
            ("/surety.v1.SupportService/SearchDecisions", Some(Class::Look)),
            ("/surety.v1.RiskDecisionService/Made.Up", Some(Class::Look)),
            ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Some(Class::Look)),
            ("", Some(Class::Look)),
        ] {
            assert_eq!(class(path), expected, "{path}");
        }
    }
}
