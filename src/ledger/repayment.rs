//! Repayments and the lender's word on a plan.
