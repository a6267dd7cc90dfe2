//! The queue of doorbells between the door and the workers.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often it is looked for a ring whose time has come.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A message with a job's id.
pub struct Ring {
    pub body: String,
    /// From when on it can be heard.
    pub at: Instant,
}

#[derive(Default)]
pub struct Rings {
    waiting: Mutex<VecDeque<Ring>>,
    rung: Condvar,
}

impl Rings {
    pub fn ring(&self, body: String, delay: Duration) {
        self.lock().push_back(Ring { body, at: Instant::now() + delay });
        self.rung.notify_one();
    }

    /// As many as are there, at most so many, and at least one unless none comes within `patience`.
    pub fn take(&self, at_most: usize, patience: Duration) -> Vec<Ring> {
        let until = Instant::now() + patience;
        let mut waiting = self.lock();
        loop {
            let now = Instant::now();
            let mut taken = Vec::new();
            while taken.len() < at_most {
                let Some(due) = waiting.iter().position(|ring| ring.at <= now) else { break };
                taken.extend(waiting.remove(due));
            }
            if !taken.is_empty() || now >= until {
                return taken;
            }
            let look_again = self.rung.wait_timeout(waiting, LOOK_EVERY.min(until - now));
            waiting = look_again.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Forgets those that nobody is to hear.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Ring>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
