use crate::words;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobStatus {
    /// Not running: it is new, or it waits for a reason and until a time that its row names.
    Queued,
    /// A worker holds its lease.
    Running,
    /// Every step is done, or a step found that nothing was to be done.
    Completed,
    /// A step failed for good.
    Failed,
    /// Someone ended it.
    Cancelled,
}

words!(JobStatus, "job status", {
    Queued => "QUEUED", Running => "RUNNING", Completed => "COMPLETED", Failed => "FAILED", Cancelled => "CANCELLED",
});

impl JobStatus {
    /// Whether nothing will happen to the job any more by itself.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// Why a live job is not running now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitingReason {
    /// An attempt failed; the next one comes later.
    Backoff,
    /// The provider limits our requests.
    RateBudget,
    /// The provider has to be asked again later.
    Poll,
    /// The provider will call back.
    Callback,
    /// Someone has to authorise the connection again.
    Reauthorisation,
    /// Another job is making the same effect, or refreshing the same token set.
    OtherJob,
    /// Enough other jobs of the tenant are running; it is rung when one of them is done.
    FairShare,
}

words!(WaitingReason, "waiting reason", {
    Backoff => "backoff", RateBudget => "rate budget", Poll => "poll", Callback => "callback",
    Reauthorisation => "reauthorisation", OtherJob => "other job", FairShare => "fair share",
});

/// What is known about a write in somebody else's system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EffectStatus {
    /// About to be made, or made and not yet known to be: look before writing.
    Intended,
    /// Made; the provider's record id is recorded.
    Done,
    /// Not made, for certain: the provider refused it or was not reached.
    Refused,
    /// Sent at most once, and nobody can find out whether it arrived: an e-mail, an incoming webhook.
    Unknown,
    /// Not made: a dry run only says that it would be.
    DryRun,
}

words!(EffectStatus, "effect status", {
    Intended => "INTENDED", Done => "DONE", Refused => "REFUSED", Unknown => "UNKNOWN",
    DryRun => "DRY_RUN",
});

/// What a job did with an external record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordAction {
    /// Read it.
    Read,
    /// Made it.
    Create,
    /// Changed it.
    Update,
}

words!(RecordAction, "record action", { Read => "READ", Create => "CREATE", Update => "UPDATE" });
