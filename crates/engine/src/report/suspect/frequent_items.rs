//! The most frequent items of a stream, in fixed memory: the algorithm of Misra and Gries ('Finding repeated elements', 1982).

/// Counters for the items that are frequent in a stream. An item that makes up more than `1 / (ITEMS + 1)` of the stream is among them
/// at its end. A counter never counts an item that was not there, so it causes no false alarm.
#[derive(Debug)]
pub(super) struct FrequentItems<K, V, const ITEMS: usize> {
    items: Vec<Item<K, V>>,
}

#[derive(Debug)]
struct Item<K, V> {
    key: K,
    /// Occurrences, minus those that other items have cancelled.
    weight: u32,
    value: V,
}

impl<K, V, const ITEMS: usize> Default for FrequentItems<K, V, ITEMS> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl<K: PartialEq, V, const ITEMS: usize> FrequentItems<K, V, ITEMS> {
    /// Bytes of memory at most.
    pub(super) const BYTES_MAX: usize = ITEMS * size_of::<Item<K, V>>();

    /// Counts an occurrence of an item, and returns what is known of the item: `new()` if it is its first. `None` if it is not one of
    /// the frequent ones.
    pub(super) fn count(&mut self, key: K, new: impl FnOnce() -> V) -> Option<&mut V> {
        if let Some(at) = self.items.iter().position(|item| item.key == key) {
            let item = &mut self.items[at];
            item.weight = item.weight.saturating_add(1);
            return Some(&mut item.value);
        }
        if self.items.len() >= ITEMS {
            for item in &mut self.items {
                item.weight -= 1;
            }
            self.items.retain(|item| item.weight > 0);
            return None;
        }
        if self.items.is_empty() {
            self.items.reserve_exact(ITEMS);
        }
        self.items.push(Item { key, weight: 1, value: new() });
        self.items.last_mut().map(|item| &mut item.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frequent_item_is_found_among_others_that_are_rare() {
        let mut items = FrequentItems::<u32, u32, 4>::default();
        let mut counted = 0;
        for number in 0..10_000 {
            // Every third item is 7; each of the others occurs once.
            let item = if number % 3 == 0 { 7 } else { 100 + number };
            if let Some(count) = items.count(item, || 0) {
                *count += 1;
                if item == 7 {
                    counted = *count;
                }
            }
            assert!(items.items.len() <= 4);
        }
        assert!((3_000..=3_334).contains(&counted), "{counted}");
    }
}
