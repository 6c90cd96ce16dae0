//! The vocabulary of what is told to whom about a reason.

use super::named::named;

named! {
    /// Who may be told a reason (reason catalogue, section 2).
    Disclosure {
        /// Its own text, at checkout too.
        Yes "YES",
        /// Its own text once the account holder is verified; the general security text before.
        LoggedIn "LOGGED_IN",
        /// Always the general security text.
        Generic "GENERIC",
        /// Under another code's text, which is true as well.
        As "AS",
        /// Nothing specific to anyone but compliance.
        No "NO",
    }

    /// The only vocabulary that a checkout has to know.
    PublicReason {
        None "NONE",
        DetailsNeeded "DETAILS_NEEDED",
        VerificationNeeded "VERIFICATION_NEEDED",
        SpendingLimit "SPENDING_LIMIT",
        PaymentDue "PAYMENT_DUE",
        Affordability "AFFORDABILITY",
        CreditHistory "CREDIT_HISTORY",
        PaymentMethod "PAYMENT_METHOD",
        OneTimeCard "ONE_TIME_CARD",
        SecurityCheck "SECURITY_CHECK",
        TryLater "TRY_LATER",
        Duplicate "DUPLICATE",
        TemporaryProblem "TEMPORARY_PROBLEM",
        NotAvailable "NOT_AVAILABLE",
    }

    /// What the customer can do next.
    NextStep {
        None "NONE",
        CompleteProfile "COMPLETE_PROFILE",
        UpdateDetails "UPDATE_DETAILS",
        VerifyIdentity "VERIFY_IDENTITY",
        PayOverdue "PAY_OVERDUE",
        PayDownBalance "PAY_DOWN_BALANCE",
        ReduceAmount "REDUCE_AMOUNT",
        ChooseAnotherPlan "CHOOSE_ANOTHER_PLAN",
        CheckCardDetails "CHECK_CARD_DETAILS",
        UseAnotherMethod "USE_ANOTHER_METHOD",
        ContactBank "CONTACT_BANK",
        UseExistingCard "USE_EXISTING_CARD",
        CreateNewCard "CREATE_NEW_CARD",
        CheckOrder "CHECK_ORDER",
        UseKnownConnection "USE_KNOWN_CONNECTION",
        UpdateApp "UPDATE_APP",
        WaitAndRetry "WAIT_AND_RETRY",
        WaitForReview "WAIT_FOR_REVIEW",
        ContactCreditBureau "CONTACT_CREDIT_BUREAU",
        GetDebtAdvice "GET_DEBT_ADVICE",
        ContactSupport "CONTACT_SUPPORT",
    }

    /// Who can put right what a reason names.
    FixableBy {
        Customer "CUSTOMER",
        Support "SUPPORT",
        Reviewer "REVIEWER",
        Bank "BANK",
        Merchant "MERCHANT",
        Time "TIME",
        Nobody "NOBODY",
    }

    /// Which way a code pushes by the catalogue's default; the policy may be stricter or milder.
    PushesTo {
        Decline "DECLINE",
        Review "REVIEW",
        ReviewHeld "REVIEW_HELD",
        StepUp "STEP_UP",
        Score "SCORE",
        Info "INFO",
    }
}
