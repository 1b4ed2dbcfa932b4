//! What becomes of the rows of the list.

use super::Pacer;
use super::world::{World, micros};
use crate::controller::{End, Fate, Settled};
use crate::zoo::{CAPTCHA, Nature};
use std::cmp::Reverse;

/// Failures that are charged to a URL before it is given up.
const CHARGED_MAX: u32 = 5;
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Row {
    Waiting,
    Done { is_right: bool },
    Failed,
}

impl<P: Pacer> World<'_, P> {
    /// Does what the controller says about the row of an exchange that has ended.
    pub(super) fn follow(&mut self, url: u32, end: End, fate: Fate) {
        match fate {
            Fate::Done => {
                let is_right = !matches!(end, End::Served { page: Some(CAPTCHA), .. });
                self.settle(url, Row::Done { is_right });
            }
            Fate::Failed => self.settle(url, Row::Failed),
            Fate::Again { not_before, is_charged } => {
                let charged = &mut self.charged[url as usize];
                *charged += u32::from(is_charged);
                if *charged > CHARGED_MAX {
                    self.settle(url, Row::Failed);
                } else {
                    self.order += 1;
                    self.again.push(Reverse((micros(not_before), self.order, url)));
                }
            }
            Fate::Held => {}
        }
    }

    pub(super) fn settle_all(&mut self) {
        for settled in self.pace.settled() {
            match settled {
                Settled::Denied(url) => self.settle(url, Row::Failed),
                Settled::Done(url) => {
                    let is_right = self.host.nature(url) == Nature::Alike;
                    self.settle(url, Row::Done { is_right });
                }
                Settled::Revoked(url) => {
                    if self.rows[url as usize] != Row::Waiting {
                        self.rows[url as usize] = Row::Waiting;
                        self.left += 1;
                    }
                }
            }
        }
    }

    fn settle(&mut self, url: u32, row: Row) {
        let old = self.rows[url as usize];
        if old == Row::Waiting {
            self.rows[url as usize] = row;
            self.left -= 1;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a short run")]
            let second = self.now as usize;
            if self.run.seconds.len() <= second {
                self.run.seconds.resize(second + 1, 0);
            }
            self.run.seconds[second] += 1;
        }
    }
}
