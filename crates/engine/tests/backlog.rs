//! The backlog against a plain model: a spool of rows in blocks, a reader that follows the backlog, and hosts that settle
//! rows at arbitrary times.
#![allow(
    clippy::cast_possible_truncation,
    reason = "hosts of the model are small numbers made from row numbers"
)]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use longhaul::backlog::{
    Admission, Backlog, HOSTS_IN_PROGRESS_PLENTY, PROGRESS_SHOWS_WITHIN, RANGES_PER_HOST_MAX, ROWS_MAX,
    ROWS_PER_HOST_MAX, ROWS_PER_HOST_SCARCE, ROWS_PLENTY, Read,
};
use longhaul_socket::clock;
use proptest::prelude::*;
use tokio::time::Instant;

/// Rows of one block in this model.
const BLOCK_ROWS: u64 = 64;

type Host = u16;

/// The spool, the caller of the backlog, and the rows that were taken.
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
    reads_again: usize,
    now: Instant,
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
            reads_again: 0,
            now: clock::now(),
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

    /// Reads once, as the backlog says; returns false if there is nothing to read.
    fn read(&mut self) -> bool {
        match self.backlog.next_read(self.now) {
            Read::Nothing => return false,
            Read::Next => {
                if self.cursor >= self.spool.len() {
                    return false;
                }
                while self.backlog.next_read(self.now) == Read::Next && self.cursor < self.spool.len() {
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
                self.reads_again += 1;
            }
        }
        self.blocks_read += 1;
        true
    }

    /// Reads until there is nothing to read. A backlog that makes its caller read for ever fails here.
    fn read_on(&mut self) {
        let most = self.blocks_read + 200_000;
        while self.read() {
            assert!(self.blocks_read < most, "the reading does not end");
        }
    }

    /// Settles up to `count` rows of the host.
    fn settle(&mut self, host: Host, count: usize) {
        let rows = self.in_memory.entry(host).or_default();
        for _ in 0..count.min(rows.len()) {
            rows.pop_front();
            self.backlog.settled(&host, self.now);
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

    fn assert_everything_was_taken_once_and_in_order(&mut self) {
        assert!(self.taken == self.expected(), "rows were lost, taken twice or out of order");
        assert!(!self.backlog.has_left());
        assert_eq!((self.backlog.in_memory(), self.backlog.ranges()), (0, 0));
        assert_eq!(self.backlog.next_read(self.now), Read::Next);
    }
}

#[test]
fn one_slow_host_hides_no_other() {
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
    assert_eq!(world.backlog.ranges(), 1, "adjacent blocks are one range");
    world.settle_everything();
    world.assert_everything_was_taken_once_and_in_order();
}

#[test]
fn the_remembered_ranges_stay_few() {
    let interleaved = (0..100_000_u32).map(|row| (row % 7) as u16).collect();
    let sorted = (0..100_000_u32).map(|row| (row / 10_000) as u16).collect();
    // Host 0 has rows in every other block: no two of its blocks are adjacent.
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

/// Offers one row of each host from `first_host` on until memory is full, without asking what to read. Returns the next
/// row.
fn fill(backlog: &mut Backlog<Host>, first_host: Host, first_row: u64) -> u64 {
    let mut row = first_row;
    for host in first_host.. {
        if backlog.in_memory() == ROWS_MAX {
            break;
        }
        assert_eq!(backlog.admit(&host, row, 0), Admission::Take);
        row += 1;
    }
    row
}

#[test]
fn the_rows_in_memory_are_bounded() {
    let now = clock::now();
    let mut backlog: Backlog<Host> = Backlog::default();
    let row = fill(&mut backlog, 1, 0);
    assert_eq!(backlog.next_read(now), Read::Nothing);
    // A row that is offered now is left in the spool, and not lost.
    assert_eq!(backlog.admit(&0, row, 7), Admission::Leave);
    let mut settling = 1;
    while backlog.next_read(now) == Read::Nothing {
        backlog.settled(&settling, now);
        settling += 1;
    }
    assert_eq!(backlog.next_read(now), Read::Again { host: 0, block: 7, from_row: row });
}

#[test]
fn a_hundred_hosts_that_settle_nothing_hide_no_other() {
    // A hundred dead hosts, each with more rows than fit into memory, and behind them one that responds.
    let dead = (0..100_u16).flat_map(|host| std::iter::repeat_n(host, 2_000));
    let mut world = World::new(dead.chain(std::iter::repeat_n(100, 5_000)).collect());
    world.read_on();
    let look_again_at = world.backlog.look_again_at().expect("hosts may make progress");
    assert!(look_again_at <= world.now + PROGRESS_SHOWS_WITHIN);
    let began = world.now;
    while !world.taken.contains_key(&100) {
        world.now = world.backlog.look_again_at().expect("hosts may make progress");
        world.read_on();
    }
    assert!(world.now - began <= PROGRESS_SHOWS_WITHIN * 6, "hidden for {:?}", world.now - began);
    while world.taken[&100].len() < 5_000 {
        assert!(!world.in_memory[&100].is_empty(), "the host that responds has no row in memory");
        world.settle(100, usize::MAX);
        world.read_on();
    }
    assert!((ROWS_PLENTY..ROWS_MAX).contains(&world.backlog.in_memory()));
    assert!(world.in_memory.values().any(|rows| rows.len() == ROWS_PER_HOST_SCARCE));
    world.settle_everything();
    world.assert_everything_was_taken_once_and_in_order();
}

#[test]
fn many_hosts_in_progress_are_not_read_past() {
    // Rows of many hosts in turn, settled in the order of the list: every block is read once.
    let hosts = 3 * HOSTS_IN_PROGRESS_PLENTY as u16;
    let rows = 200_000_usize;
    let mut world = World::new((0..rows).map(|row| row as u16 % hosts).collect());
    for row in 0..rows {
        world.read_on();
        assert!(world.backlog.in_memory() <= ROWS_PLENTY + BLOCK_ROWS as usize);
        world.now += Duration::from_millis(1);
        world.settle(world.host(row as u64), 1);
    }
    world.assert_everything_was_taken_once_and_in_order();
    assert_eq!(world.reads_again, 0);
}

#[test]
fn a_forgotten_host_does_not_get_its_rows_twice() {
    // Host 1 is settled and forgotten, and has another row in the same block while memory is full.
    let now = clock::now();
    let mut backlog: Backlog<Host> = Backlog::default();
    assert_eq!(backlog.admit(&1, 0, 0), Admission::Take);
    backlog.settled(&1, now);
    let row = fill(&mut backlog, 2, 1);
    assert_eq!(backlog.admit(&1, row, 0), Admission::Leave);
    backlog.settled(&2, now);
    let later = now + PROGRESS_SHOWS_WITHIN * 3;
    assert_eq!(backlog.next_read(later), Read::Again { host: 1, block: 0, from_row: row });
    assert_eq!(backlog.admit_again(&1, 0), Admission::Leave, "this row was taken before");
    assert_eq!(backlog.admit_again(&1, row), Admission::Take);
    backlog.read_again(&1, 0, true);
    assert!(!backlog.has_left());
}

#[test]
fn hungry_hosts_take_turns() {
    // Three hosts with rows in alternation; each settles its rows at once, so that all have room all the time.
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
