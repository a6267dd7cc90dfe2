//! What can end an attempt at a step, and what happens to the step then.

use std::time::Duration;

use zixly_connectors::{ConnectorError, ProviderWords};
use zixly_domain::{JobId, Provider, WaitingReason};
use zixly_lambda_kit::Chain;
use zixly_payload_store::PayloadError;
use zixly_secrets::SecretsError;
use zixly_store::StoreError;

/// How often a provider that gives no time is asked again.
const UNTIMED_LIMIT: Duration = Duration::from_secs(10);

/// How long a job that another one holds up waits before it looks again.
const OTHER_JOB: Duration = Duration::from_secs(2);

/// How often a job looks whether the operator has put the client secret right.
const OUR_FAULT: Duration = Duration::from_mins(1);

/// How often a job looks whether someone has authorised its connection again. It calls nobody for that.
const REAUTHORISATION: Duration = Duration::from_mins(15);

/// What ended an attempt at a step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    #[error("{} is not connected; connect it, then retry the job", .0.name())]
    NotConnected(Provider),
    #[error("several {} accounts are connected, and nothing says which one is meant", .0.name())]
    SeveralConnected(Provider),
    #[error("the customer's contact in Xero is archived ({0}); restore it there, then retry the job")]
    ArchivedContact(String),
    #[error("the connection to {} needs authorisation", .0.name())]
    NeedsAuthorisation(Provider),
    #[error("job {0} has yet to find out whether its write to the same record was made")]
    HeldUpBy(JobId),
    #[error("{} does not accept our client id and client secret", .0.name())]
    OurCredentials(Provider),
    #[error("this installation has no client id and client secret for {}", .0.name())]
    NoCredentials(Provider),
    #[error("another job is refreshing the tokens of {}", .0.name())]
    BeingRefreshed(Provider),
    #[error("whether the write was made is not known, and it may still appear at the provider")]
    MayStillAppear(Duration),
    #[error("it was sent once, and nobody can find out whether it arrived")]
    OutcomeUnknown,
    #[error("this installation has no address that it may send e-mail from")]
    NoSender,
    #[error("this installation has no address or no key of a trading API")]
    NoTradingApi,
    #[error("the trading API could not finish this sweep; start another one")]
    SweepFailed(ProviderWords),
    #[error("what the step waits for is not there yet")]
    NotReady { reason: WaitingReason, look_again: Duration },
    #[error("the trading API has not finished the sweep within {} min; retry the job to look again", .0.as_secs() / 60)]
    SweepOverdue(Duration),
    #[error("the tokens cannot be had")]
    Secrets(#[from] SecretsError),
    #[error("the report cannot be stored")]
    Payload(#[from] PayloadError),
    #[error("the step took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("there is more to do than one attempt can")]
    Unfinished,
    #[error("the step panicked, which is a defect of Zixly")]
    Panicked,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What happens to a step whose attempt has ended without an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Tried again, not sooner than this and as long as it has attempts left.
    Retry { at_least: Duration },
    /// Tried again after this time, at the cost of no attempt.
    Wait { reason: WaitingReason, for_at_least: Duration },
    /// It did what it could: tried again after this time, with all its attempts.
    LookAgain { reason: WaitingReason, after: Duration },
    /// Not tried again: it cannot heal by itself.
    Stop,
    /// Nothing can be recorded about it, so it is neither.
    Unrecorded,
}

impl StepError {
    /// The error with its causes and with what the provider said: for the owner and whoever runs this, and for no log,
    /// since a provider's words may name a person.
    pub(crate) fn in_full(&self) -> String {
        match self {
            Self::Connector(ConnectorError::Rejected { words, .. }) | Self::SweepFailed(words) => {
                format!("{self}: {}", words.0)
            }
            _ => Chain(self).to_string(),
        }
    }

    /// What happens to the step now. Every variant is listed, so that a new one has to be thought about.
    pub(crate) fn disposition(&self) -> Disposition {
        use Disposition::{LookAgain, Retry, Stop, Unrecorded, Wait};
        const RETRY: Disposition = Retry { at_least: Duration::ZERO };
        const REAUTHORISE: Disposition =
            Wait { reason: WaitingReason::Reauthorisation, for_at_least: REAUTHORISATION };
        // The operator has to put it right, and no job should fail for it.
        const OPERATOR: Disposition = Wait { reason: WaitingReason::Backoff, for_at_least: OUR_FAULT };
        const LATER: Disposition = Wait { reason: WaitingReason::OtherJob, for_at_least: OTHER_JOB };
        match self {
            Self::Connector(error) => match error {
                ConnectorError::RateLimited { retry_after, .. } => Wait {
                    reason: WaitingReason::RateBudget,
                    for_at_least: retry_after.unwrap_or(UNTIMED_LIMIT),
                },
                // Their keys are the installation's: no tenant can put one right.
                ConnectorError::Unauthorised { provider: Provider::Trading | Provider::Ses } => OPERATOR,
                ConnectorError::Unauthorised { .. } | ConnectorError::ReauthorisationNeeded { .. } => {
                    REAUTHORISE
                }
                ConnectorError::Unavailable { retry_after, .. } => {
                    Retry { at_least: retry_after.unwrap_or_default() }
                }
                ConnectorError::Unreachable { .. } | ConnectorError::Malformed { .. } => RETRY,
                ConnectorError::NoSuchAccount { .. } | ConnectorError::Rejected { .. } => Stop,
            },
            Self::MayStillAppear(left) => Wait { reason: WaitingReason::Backoff, for_at_least: *left },
            Self::OutcomeUnknown => Stop,
            Self::NotReady { reason, look_again } => LookAgain { reason: *reason, after: *look_again },
            Self::SweepFailed(_) | Self::SweepOverdue(_) => Stop,
            Self::NeedsAuthorisation(_) => REAUTHORISE,
            Self::HeldUpBy(_) | Self::BeingRefreshed(_) => LATER,
            Self::NoCredentials(_) | Self::OurCredentials(_) | Self::NoTradingApi | Self::NoSender => {
                OPERATOR
            }
            Self::Unfinished => Wait { reason: WaitingReason::Backoff, for_at_least: Duration::ZERO },
            Self::NotConnected(_) | Self::SeveralConnected(_) | Self::ArchivedContact(_) => Stop,
            Self::Secrets(_) | Self::Payload(_) => RETRY,
            Self::TimedOut(_) | Self::Panicked => RETRY,
            Self::Store(StoreError::Refused(_) | StoreError::Unreadable(_) | StoreError::Address(_)) => Stop,
            Self::Store(StoreError::Unavailable(_) | StoreError::TimedOut | StoreError::LeaseLost(_)) => {
                Unrecorded
            }
        }
    }
}
