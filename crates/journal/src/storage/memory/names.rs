//! The tree of names, twice: as processes see it, and as it is on stable storage.

use std::collections::BTreeMap;
use std::io;

use fastrand::Rng;

use crate::storage::RelativePath;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Directory,
    /// The index of a file's contents.
    File(usize),
}

type Tree = BTreeMap<RelativePath, Node>;

#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    current: Tree,
    durable: Tree,
    unsynced: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Add(RelativePath, Node),
    Remove(RelativePath),
    /// Both names change at once, or neither.
    Rename {
        from: RelativePath,
        to: RelativePath,
        node: Node,
    },
}

impl Change {
    fn touches(&self, directory: Option<&RelativePath>) -> bool {
        let within = |path: &RelativePath| path.parent().as_ref() == directory;
        match self {
            Self::Add(path, _) | Self::Remove(path) => within(path),
            Self::Rename { from, to, .. } => within(from) || within(to),
        }
    }

    fn apply(&self, tree: &mut Tree) {
        match self {
            Self::Add(path, node) => {
                tree.insert(path.clone(), *node);
            }
            Self::Remove(path) => {
                tree.remove(path);
            }
            Self::Rename { from, to, node } => {
                if tree.get(from) == Some(node) {
                    tree.remove(from);
                }
                tree.insert(to.clone(), *node);
            }
        }
    }
}

impl Names {
    pub(super) fn get(&self, path: &RelativePath) -> Option<Node> {
        self.current.get(path).copied()
    }

    pub(super) fn file(&self, path: &RelativePath) -> io::Result<usize> {
        match self.get(path) {
            Some(Node::File(index)) => Ok(index),
            Some(Node::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Fails unless the path's directory exists.
    pub(super) fn check_parent(&self, path: &RelativePath) -> io::Result<()> {
        match path.parent().map(|parent| self.get(&parent)) {
            None | Some(Some(Node::Directory)) => Ok(()),
            Some(Some(Node::File(_))) => Err(io::ErrorKind::NotADirectory.into()),
            Some(None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn add(&mut self, path: &RelativePath, node: Node) -> io::Result<()> {
        self.check_parent(path)?;
        if self.current.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.change(Change::Add(path.clone(), node));
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &RelativePath, to: &RelativePath) -> io::Result<()> {
        let node = Node::File(self.file(from)?);
        self.check_parent(to)?;
        if self.get(to) == Some(Node::Directory) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.change(Change::Rename { from: from.clone(), to: to.clone(), node });
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &RelativePath) -> io::Result<()> {
        self.file(path)?;
        self.change(Change::Remove(path.clone()));
        Ok(())
    }

    pub(super) fn remove_directory(&mut self, path: &RelativePath) -> io::Result<()> {
        if !self.list(path)?.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.change(Change::Remove(path.clone()));
        Ok(())
    }

    pub(super) fn list(&self, path: &RelativePath) -> io::Result<Vec<String>> {
        match self.get(path) {
            Some(Node::Directory) => {}
            Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
            None => return Err(io::ErrorKind::NotFound.into()),
        }
        let within = |name: &&RelativePath| name.parent().as_ref() == Some(path);
        Ok(self.current.keys().filter(within).map(|name| name.file_name().to_owned()).collect())
    }

    pub(super) fn sync(&mut self, directory: Option<&RelativePath>) {
        let durable = &mut self.durable;
        self.unsynced.retain(|change| {
            let touched = change.touches(directory);
            if touched {
                change.apply(durable);
            }
            !touched
        });
    }

    /// What is left after the power was lost. A name whose directory was lost is lost with it.
    pub(super) fn after_power_loss(&self, random: &mut Rng) -> Self {
        let mut left = self.durable.clone();
        for change in &self.unsynced {
            if random.bool() {
                change.apply(&mut left);
            }
        }
        // Parents sort before their children, so that one pass sees each parent's fate first.
        let mut reachable = Tree::new();
        for (path, node) in left {
            if path.parent().is_none_or(|parent| reachable.get(&parent) == Some(&Node::Directory)) {
                reachable.insert(path, node);
            }
        }
        Self { current: reachable.clone(), durable: reachable, unsynced: Vec::new() }
    }

    /// The file contents that some name stands for.
    pub(super) fn files(&self) -> impl Iterator<Item = usize> {
        self.current.values().filter_map(|node| match node {
            Node::File(index) => Some(*index),
            Node::Directory => None,
        })
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.current);
        self.unsynced.push(change);
    }
}
