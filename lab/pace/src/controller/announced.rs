//! What a host announces of its limit with each answer, believed once it has behaved like a counter.

use crate::Seconds;

/// So many times in a row it went down from one answer to the next that was sent later, towards the same end.
const CONVINCING: u32 = 4;
/// Ends that differ by no more than this are the same: they are given in whole seconds.
const SAME: Seconds = 1.6;

#[derive(Debug, Clone, Default)]
pub(super) struct Announced {
    last: Option<(u64, u32, Seconds)>,
    behaved: u32,
    /// Doubled each time it has been wrong.
    doubts: u32,
}

impl Announced {
    /// The answer to this request says that so many remain until then.
    pub(super) fn say(&mut self, sequence: u64, remaining: u32, until: Seconds) {
        if let Some((before, more, end)) = self.last {
            if sequence <= before {
                return;
            }
            if (until - end).abs() <= SAME {
                if remaining < more || remaining == 0 && more == 0 && self.is_believed() {
                    self.behaved += 1;
                } else {
                    self.behaved = 0;
                    self.doubts = (2 * self.doubts).max(1);
                }
            }
        }
        self.last = Some((sequence, remaining, until));
    }

    fn is_believed(&self) -> bool {
        self.behaved >= CONVINCING * (1 + self.doubts)
    }

    /// Until when nothing is sent, as the next request of this number in order would find nothing left.
    pub(super) fn used_up(&self, next: u64, now: Seconds) -> Option<Seconds> {
        let (sequence, remaining, until) = self.last?;
        let since = next - sequence - 1;
        (self.is_believed() && since >= u64::from(remaining) && until > now).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::Announced;

    #[test]
    fn a_counter_that_counts_down_is_believed() {
        let mut announced = Announced::default();
        for at in 0..6_u32 {
            announced.say(u64::from(at), 5 - at, 60.0);
        }
        assert_eq!(announced.used_up(6, 10.0), Some(60.0));
        assert_eq!(announced.used_up(6, 61.0), None, "its end has come");
    }

    #[test]
    fn a_number_that_never_changes_is_not() {
        let mut announced = Announced::default();
        (0..20).for_each(|at| announced.say(at, 0, 60.0));
        assert_eq!(announced.used_up(20, 10.0), None);
    }
}
