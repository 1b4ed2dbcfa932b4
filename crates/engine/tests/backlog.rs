//! The backlog against a plain model: a spool of rows in blocks, a reader that does what it is told, and hosts that
//! settle when they like.
#![allow(
    clippy::cast_possible_truncation,
    reason = "hosts of the model are small numbers made from row numbers"
)]

use std::collections::{BTreeMap, VecDeque};

use longhaul::backlog::{Admission, Backlog, RANGES_PER_HOST_MAX, ROWS_MAX, ROWS_PER_HOST_MAX, Read};
use proptest::prelude::*;

/// Rows of one block in this model.
const BLOCK_ROWS: u64 = 64;

type Host = u16;

/// The spool, the caller of the backlog, and what has been taken.
struct World {
    backlog: Backlog<Host>,
    /// The host of every row so far.
    spool: Vec<Host>,
    cursor: usize,
    /// Rows in memory, by host, in the order in which they were taken.
    in_memory: BTreeMap<Host, VecDeque<u64>>,
    /// Every row that was ever taken, by host.
    taken: BTreeMap<Host, Vec<u64>>,
    blocks_read: usize,
}

impl World {
    fn new(spool: Vec<Host>) -> Self {
        Self {
            backlog: Backlog::default(),
            spool,
            cursor: 0,
            in_memory: BTreeMap::new(),
            taken: BTreeMap::new(),
            blocks_read: 0,
        }
    }

    fn host(&self, row: u64) -> Host {
        self.spool[usize::try_from(row).expect("a small spool")]
    }

    fn take(&mut self, row: u64) {
        let host = self.host(row);
        self.taken.entry(host).or_default().push(row);
        let rows = self.in_memory.entry(host).or_default();
        rows.push_back(row);
        assert!(rows.len() <= ROWS_PER_HOST_MAX);
        assert!(self.backlog.in_memory() <= ROWS_MAX);
    }

    /// Does what the backlog says once; false if there is nothing to do.
    fn read(&mut self) -> bool {
        match self.backlog.next_read() {
            Read::Nothing => return false,
            Read::Next => {
                if self.cursor >= self.spool.len() {
                    return false;
                }
                while self.backlog.next_read() == Read::Next && self.cursor < self.spool.len() {
                    let row = self.cursor as u64;
                    self.cursor += 1;
                    if self.backlog.admit(&self.host(row), row, row / BLOCK_ROWS) == Admission::Take {
                        self.take(row);
                    }
                    if (row + 1).is_multiple_of(BLOCK_ROWS) {
                        break;
                    }
                }
            }
            Read::Again { host, block, from_row } => {
                let end = ((block + 1) * BLOCK_ROWS).min(self.cursor as u64);
                let mut is_exhausted = true;
                for row in (block * BLOCK_ROWS).max(from_row)..end {
                    if self.host(row) != host {
                        continue;
                    }
                    if self.backlog.admit_again(&host, row) == Admission::Leave {
                        is_exhausted = false;
                        break;
                    }
                    self.take(row);
                }
                self.backlog.read_again(&host, block, is_exhausted);
            }
        }
        self.blocks_read += 1;
        true
    }

    /// Reads until there is nothing to read. A backlog that makes its caller read for ever fails here.
    fn read_on(&mut self) {
        let most = self.blocks_read + 200_000;
        while self.read() {
            assert!(self.blocks_read < most, "reading does not come to an end");
        }
    }

    /// Settles up to so many rows of the host.
    fn settle(&mut self, host: Host, count: usize) {
        let rows = self.in_memory.entry(host).or_default();
        for _ in 0..count.min(rows.len()) {
            rows.pop_front();
            self.backlog.settled(&host);
        }
    }

    fn settle_everything(&mut self) {
        self.read_on();
        while self.backlog.in_memory() > 0 {
            for host in self.in_memory.keys().copied().collect::<Vec<_>>() {
                self.settle(host, usize::MAX);
            }
            self.read_on();
        }
    }

    /// The rows of every host, in order.
    fn expected(&self) -> BTreeMap<Host, Vec<u64>> {
        let mut expected: BTreeMap<Host, Vec<u64>> = BTreeMap::new();
        for (row, &host) in self.spool.iter().enumerate() {
            expected.entry(host).or_default().push(row as u64);
        }
        expected
    }

    fn assert_everything_was_taken_once_and_in_order(&self) {
        assert!(self.taken == self.expected(), "rows were lost, taken twice or out of order");
        assert!(!self.backlog.has_left());
        assert_eq!((self.backlog.in_memory(), self.backlog.ranges()), (0, 0));
        assert_eq!(self.backlog.next_read(), Read::Next);
    }
}

#[test]
fn one_slow_host_hides_nobody() {
    // Nine rows in ten are of host 0, which settles nothing; the others are spread among them to the end.
    let spool =
        (0..200_000_u32).map(|row| if row % 10 == 9 { (row / 10 % 50 + 1) as u16 } else { 0 }).collect();
    let mut world = World::new(spool);
    while world.taken.iter().filter(|&(&host, _)| host != 0).map(|(_, rows)| rows.len()).sum::<usize>()
        < 20_000
    {
        world.read_on();
        for host in 1..=50 {
            world.settle(host, usize::MAX);
        }
    }
    assert_eq!(world.taken[&0].len(), ROWS_PER_HOST_MAX);
    assert!(world.backlog.has_left());
    assert_eq!(world.backlog.ranges(), 1, "neighbouring blocks are one range");
    world.settle_everything();
    world.assert_everything_was_taken_once_and_in_order();
}

#[test]
fn what_is_remembered_stays_small() {
    let interleaved = (0..100_000_u32).map(|row| (row % 7) as u16).collect();
    let sorted = (0..100_000_u32).map(|row| (row / 10_000) as u16).collect();
    // Host 0 comes in every other block: no two of its blocks are neighbours.
    let scattered = (0..400_000_u32)
        .map(|row| u16::from(u64::from(row) / BLOCK_ROWS % 2 == 1) * (1 + row as u16 % 97))
        .collect();
    let cases: [(&str, Vec<Host>, usize); 3] = [
        ("interleaved", interleaved, 7),
        ("sorted", sorted, 10),
        ("scattered", scattered, RANGES_PER_HOST_MAX + 97),
    ];
    for (name, spool, ranges_max) in cases {
        let mut world = World::new(spool);
        loop {
            world.read_on();
            assert!(world.backlog.ranges() <= ranges_max, "{name}: {} ranges", world.backlog.ranges());
            if world.cursor == world.spool.len() {
                break;
            }
            for host in 1..=97 {
                world.settle(host, usize::MAX);
            }
            if name != "scattered" {
                world.settle(0, usize::MAX);
            }
        }
        world.settle_everything();
        world.assert_everything_was_taken_once_and_in_order();
    }
}

#[test]
fn memory_is_bounded_in_all_and_nothing_is_lost_by_it() {
    // More hosts than there is memory for, each with more rows than it may hold.
    let hosts = u32::try_from(ROWS_MAX / ROWS_PER_HOST_MAX).expect("a small number") + 8;
    let mut world = World::new((0..hosts * 1500).map(|row| (row % hosts) as u16).collect());
    world.read_on();
    assert_eq!(world.backlog.in_memory(), ROWS_MAX);
    assert_eq!(world.backlog.next_read(), Read::Nothing);
    // Offered all the same, a row is left, not lost.
    let row = world.cursor as u64;
    let host = world.host(row);
    assert_eq!(world.backlog.admit(&host, row, row / BLOCK_ROWS), Admission::Leave);
    world.cursor += 1;
    world.settle_everything();
    world.assert_everything_was_taken_once_and_in_order();
}

#[test]
fn a_host_that_was_forgotten_is_not_given_its_rows_twice() {
    // Host 1 is settled and forgotten, and comes again in the same block while there is no room at all.
    let mut backlog: Backlog<Host> = Backlog::default();
    assert_eq!(backlog.admit(&1, 0, 0), Admission::Take);
    backlog.settled(&1);
    let mut row = 1;
    for host in 2.. {
        if backlog.in_memory() == ROWS_MAX {
            break;
        }
        for _ in 0..ROWS_PER_HOST_MAX.min(ROWS_MAX - backlog.in_memory()) {
            assert_eq!(backlog.admit(&host, row, 0), Admission::Take);
            row += 1;
        }
    }
    assert_eq!(backlog.admit(&1, row, 0), Admission::Leave);
    backlog.settled(&2);
    assert_eq!(backlog.next_read(), Read::Again { host: 1, block: 0, from_row: row });
    assert_eq!(backlog.admit_again(&1, 0), Admission::Leave, "this row was taken before");
    assert_eq!(backlog.admit_again(&1, row), Admission::Take);
    backlog.read_again(&1, 0, true);
    assert!(!backlog.has_left());
}

#[test]
fn hungry_hosts_take_turns() {
    // Three hosts with rows in alternation; each settles at once all it is given, so that all are hungry all the time.
    let mut world = World::new((0..3 * 6000_u32).map(|row| (row % 3) as u16).collect());
    while world.cursor < world.spool.len() {
        assert!(world.read());
    }
    for host in 0..3 {
        world.settle(host, usize::MAX);
    }
    let taken_before: Vec<usize> = (0..3).map(|host| world.taken[&host].len()).collect();
    for _ in 0..90 {
        assert!(world.read());
        for host in 0..3 {
            world.settle(host, usize::MAX);
        }
    }
    let taken: Vec<usize> =
        (0..3).map(|host| world.taken[&host].len() - taken_before[usize::from(host)]).collect();
    let (least, most) = (taken.iter().min().expect("three"), taken.iter().max().expect("three"));
    assert!(most - least <= 64, "{taken:?}");
}

#[derive(Debug, Clone)]
enum Step {
    Read,
    Settle { host: Host, count: usize },
    Grow(Vec<(Host, usize)>),
}

fn runs() -> impl Strategy<Value = Vec<(Host, usize)>> {
    prop::collection::vec(
        (0_u16..6, prop_oneof![3 => 1_usize..4, 2 => 1_usize..200, 1 => 500_usize..3000]),
        0..8,
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Read),
        4 => (0_u16..6, prop_oneof![1_usize..4, 100_usize..1500])
            .prop_map(|(host, count)| Step::Settle { host, count }),
        2 => runs().prop_map(Step::Grow),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_row_is_taken_once_and_in_order(steps in steps()) {
        let mut world = World::new(Vec::new());
        for step in steps {
            match step {
                Step::Read => {
                    world.read();
                }
                Step::Settle { host, count } => world.settle(host, count),
                // A list that grows leaves its last block unfinished for a while.
                Step::Grow(runs) => {
                    for (host, count) in runs {
                        world.spool.extend(std::iter::repeat_n(host, count));
                    }
                }
            }
            let left = world.taken.values().map(Vec::len).sum::<usize>() < world.cursor;
            prop_assert_eq!(world.backlog.has_left(), left);
            prop_assert_eq!(world.backlog.in_memory(), world.in_memory.values().map(VecDeque::len).sum::<usize>());
        }
        world.settle_everything();
        world.assert_everything_was_taken_once_and_in_order();
    }
}
