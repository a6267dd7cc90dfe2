//! Everything the simulator remembers, behind one lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::{
    SimulatorConfig,
    accounts::Accounts,
    asana::{self, AsanaRecords, Handshake},
    auth::{self, AuthRecords},
    call::{Answer, Call, Provider},
    errand,
    faults::{AfterFault, BeforeFault, Faults},
    hubspot::{self, HubspotRecords},
    ledger::Ledger,
    limits::Limits,
    oauth::Oauth,
    ses,
    shopify::{self, ShopifyRecords},
    slack::{self, SlackRecords},
    trading::{self, TradingRecords},
    until_closed,
    xero::{self, XeroRecords},
};

/// The state as the server's tasks share it.
pub struct Shared {
    state: Mutex<State>,
    /// Turns true when the simulator closes, so that held connections can be let go.
    pub closed: watch::Receiver<bool>,
    /// Told whenever the clock is moved ahead, for what waits for a time.
    pub clock_moved: watch::Sender<()>,
    /// For what the providers ask of the app.
    pub client: reqwest::Client,
    /// Where the simulator listens, for addresses that it gives out.
    pub url: String,
}

impl Shared {
    pub fn new(config: SimulatorConfig, url: String, closed: watch::Receiver<bool>) -> Self {
        Self {
            state: Mutex::new(State::new(config, &url)),
            closed,
            clock_moved: watch::Sender::new(()),
            client: errand::client(),
            url,
        }
    }

    /// Waits for a time by the providers' clock; says no when the simulator closes before.
    pub async fn wait_until(&self, due: Timestamp) -> bool {
        let mut clock_moved = self.clock_moved.subscribe();
        loop {
            let left = due.duration_since(self.lock().now());
            let Some(left) = std::time::Duration::try_from(left).ok().filter(|left| !left.is_zero()) else {
                return true;
            };
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                _ = clock_moved.changed() => {}
                () = until_closed(self.closed.clone()) => return false,
            }
        }
    }

    /// The state, also after a panic elsewhere: one broken request must not end every later test.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all providers know, plus the record of what was asked of them.
pub struct State {
    pub config: SimulatorConfig,
    pub accounts: Accounts,
    pub oauth: Oauth,
    pub limits: Limits,
    pub faults: Faults,
    pub ledger: Ledger,
    pub xero: XeroRecords,
    pub hubspot: HubspotRecords,
    pub shopify: ShopifyRecords,
    pub asana: AsanaRecords,
    pub slack: SlackRecords,
    pub trading: TradingRecords,
    pub auth: AuthRecords,
    ahead: SignedDuration,
    reset_count: u64,
}

/// When work is done that a fault puts off.
#[derive(Clone, Copy)]
pub struct Late {
    /// Counted from when the caller hangs up.
    pub by: SignedDuration,
    /// A reset forgets what is still to be done.
    reset_count: u64,
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
    fn new(config: SimulatorConfig, url: &str) -> Self {
        Self {
            accounts: Accounts::new(&config),
            config,
            oauth: Oauth::default(),
            limits: Limits::default(),
            faults: Faults::default(),
            ledger: Ledger::default(),
            xero: XeroRecords::default(),
            hubspot: HubspotRecords::default(),
            shopify: ShopifyRecords::default(),
            asana: AsanaRecords::default(),
            slack: SlackRecords::default(),
            trading: TradingRecords::default(),
            auth: AuthRecords::new(url),
            ahead: SignedDuration::ZERO,
            reset_count: 0,
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

    /// Forgets everything but accounts, consent, users and sessions: whoever holds tokens can go on using them.
    pub fn reset(&mut self) {
        self.limits = Limits::default();
        self.faults = Faults::default();
        self.ledger = Ledger::default();
        self.xero = XeroRecords::default();
        self.hubspot = HubspotRecords::default();
        self.shopify = ShopifyRecords::default();
        self.asana = AsanaRecords::default();
        self.slack = SlackRecords::default();
        self.trading = TradingRecords::default();
        self.auth.forget_mails();
        self.ahead = SignedDuration::ZERO;
        self.reset_count += 1;
    }

    /// Whether a fault puts the work on this call off; if so, it has come and is noted.
    pub fn begin_late(&mut self, call: &Call) -> Option<Late> {
        let by = self.faults.take_late(call)?;
        let now = self.now();
        self.ledger.note_call(call, None, now);
        Some(Late { by, reset_count: self.reset_count })
    }

    /// Does the work that was put off, whatever comes of it.
    pub fn work_late(&mut self, call: &Call, late: Late) -> Option<Answer> {
        let now = self.now();
        (late.reset_count == self.reset_count).then(|| self.handle(call, now))
    }

    /// Works on one call, or meets the fault that lies in wait for it; the delivery when that is decided already.
    pub fn begin(&mut self, call: &Call) -> (Answer, Option<Delivery>) {
        let now = self.now();
        match self.faults.take_before(call) {
            Some(BeforeFault::Timeout) => (Answer::empty(504), Some(Delivery::Never)),
            Some(BeforeFault::Answer(answer)) => (answer, Some(Delivery::Now)),
            Some(BeforeFault::Slow(by)) => (self.handle(call, now), Some(Delivery::Late(by))),
            None => (self.handle(call, now), None),
        }
    }

    /// Goes on with a call that had to wait for the app's echo; `so_far` keeps its headers and its place.
    pub fn end_handshake(
        &mut self,
        call: &Call,
        handshake: &Handshake,
        echo: Result<(), String>,
        so_far: &Answer,
    ) -> Answer {
        let now = self.now();
        let mut answer = asana::end_handshake(self, call, handshake, echo, now);
        answer.headers.clone_from(&so_far.headers);
        answer.occupies.clone_from(&so_far.occupies);
        answer
    }

    /// Meets the fault that comes after the work, and notes that the call came.
    pub fn conclude(&mut self, call: &Call, answer: Answer, decided: Option<Delivery>) -> Outcome {
        let outcome = match decided {
            Some(delivery) => Outcome { answer, delivery },
            None => self.with_later_faults(call, answer),
        };
        let status = match outcome.delivery {
            Delivery::Never => None,
            Delivery::Now | Delivery::Late(_) => Some(outcome.answer.status),
        };
        let now = self.now();
        self.ledger.note_call(call, status, now);
        outcome
    }

    /// A fault that comes after the work waits for a call that succeeds: an expired token must not use it up.
    fn with_later_faults(&mut self, call: &Call, answer: Answer) -> Outcome {
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
            Provider::Shopify => shopify::handle(self, call, now),
            Provider::Asana => asana::handle(self, call, now),
            Provider::Slack => slack::handle(self, call, now),
            Provider::Ses => ses::handle(self, call, now),
            Provider::Trading => trading::handle(self, call, now),
            Provider::Auth => auth::handle(self, call, now),
        }
    }
}
