//! Everything the simulator remembers, behind one lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::{
    SimulatorConfig,
    call::{Answer, Call, Provider},
    faults::{AfterFault, BeforeFault, Faults},
    hubspot::{self, HubspotRecords},
    ledger::Ledger,
    limits::Limits,
    oauth::Oauth,
    xero::{self, XeroRecords},
};

/// The state as the server's tasks share it.
pub struct Shared {
    state: Mutex<State>,
    /// Turns true when the simulator closes, so that held connections can be let go.
    pub closed: watch::Receiver<bool>,
}

impl Shared {
    pub fn new(config: SimulatorConfig, closed: watch::Receiver<bool>) -> Self {
        Self { state: Mutex::new(State::new(config)), closed }
    }

    /// The state, also after a panic elsewhere: one broken request must not end every later test.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What both providers know, plus the record of what was asked of them.
pub struct State {
    pub config: SimulatorConfig,
    pub oauth: Oauth,
    pub limits: Limits,
    pub faults: Faults,
    pub ledger: Ledger,
    pub xero: XeroRecords,
    pub hubspot: HubspotRecords,
    ahead: SignedDuration,
}

/// An answer, and whether and when the caller gets it.
pub struct Outcome {
    pub answer: Answer,
    pub delivery: Delivery,
}

/// When an answer leaves.
pub enum Delivery {
    Now,
    Late(std::time::Duration),
    /// The connection stays open in silence until the caller gives up.
    Never,
}

impl State {
    fn new(config: SimulatorConfig) -> Self {
        Self {
            config,
            oauth: Oauth::default(),
            limits: Limits::default(),
            faults: Faults::default(),
            ledger: Ledger::default(),
            xero: XeroRecords::default(),
            hubspot: HubspotRecords::default(),
            ahead: SignedDuration::ZERO,
        }
    }

    /// The providers' time: the machine's, plus what tests moved it ahead by.
    pub fn now(&self) -> Timestamp {
        Timestamp::now() + self.ahead
    }

    /// Moves the providers' clock ahead, so that tokens, windows and keys age without anybody waiting.
    pub fn advance(&mut self, by: SignedDuration) {
        self.ahead += by;
    }

    /// Forgets everything but consent: whoever holds tokens can go on using them.
    pub fn reset(&mut self) {
        self.limits = Limits::default();
        self.faults = Faults::default();
        self.ledger = Ledger::default();
        self.xero = XeroRecords::default();
        self.hubspot = HubspotRecords::default();
        self.ahead = SignedDuration::ZERO;
    }

    /// Performs one call, with whatever fault lies in wait for it, and notes that it came.
    pub fn perform(&mut self, call: &Call) -> Outcome {
        let now = self.now();
        let outcome = match self.faults.take_before(call) {
            Some(BeforeFault::Timeout) => Outcome { answer: Answer::empty(504), delivery: Delivery::Never },
            Some(BeforeFault::Answer(answer)) => Outcome { answer, delivery: Delivery::Now },
            Some(BeforeFault::Slow(by)) => {
                Outcome { answer: self.handle(call, now), delivery: Delivery::Late(by) }
            }
            None => self.handle_with_later_faults(call, now),
        };
        let status = match outcome.delivery {
            Delivery::Never => None,
            Delivery::Now | Delivery::Late(_) => Some(outcome.answer.status),
        };
        self.ledger.note_call(call, status, now);
        outcome
    }

    /// A fault that comes after the work waits for a call that succeeds: an expired token must not use it up.
    fn handle_with_later_faults(&mut self, call: &Call, now: Timestamp) -> Outcome {
        let answer = self.handle(call, now);
        let fault = if answer.is_success() { self.faults.take_after(call) } else { None };
        match fault {
            Some(AfterFault::Timeout) => Outcome { answer, delivery: Delivery::Never },
            Some(AfterFault::Malformed) => Outcome { answer: answer.cut_short(), delivery: Delivery::Now },
            None => Outcome { answer, delivery: Delivery::Now },
        }
    }

    fn handle(&mut self, call: &Call, now: Timestamp) -> Answer {
        match call.provider {
            Provider::Xero => xero::handle(self, call, now),
            Provider::Hubspot => hubspot::handle(self, call, now),
        }
    }
}
