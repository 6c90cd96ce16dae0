//! Why a call is refused before anything is done for it, as metrics name it.

/// A cause that is none of the request's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The caller's quota.
    Rate,
    /// The caller's quota for one account.
    AccountRate,
    /// There is more to do than can be done.
    Shed,
    /// Too little time is left to do it.
    Deadline,
    /// Nobody knows who calls.
    Unauthenticated,
    /// The caller may not do that.
    Forbidden,
    /// The message is larger than any may be.
    MessageSize,
    /// The server is to stop.
    Draining,
}

impl Cause {
    pub const ALL: [Cause; 8] = [
        Cause::Rate,
        Cause::AccountRate,
        Cause::Shed,
        Cause::Deadline,
        Cause::Unauthenticated,
        Cause::Forbidden,
        Cause::MessageSize,
        Cause::Draining,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Cause::Rate => "rate",
            Cause::AccountRate => "account_rate",
            Cause::Shed => "shed",
            Cause::Deadline => "deadline",
            Cause::Unauthenticated => "unauthenticated",
            Cause::Forbidden => "forbidden",
            Cause::MessageSize => "message_size",
            Cause::Draining => "draining",
        }
    }
}
