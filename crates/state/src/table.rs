//! The persistent ordered table: structure-sharing, so that a clone costs a few pointers.
//!
//! The only file that names imbl; nouns build their tables and secondary indexes from these two.

use std::borrow::Borrow;
use std::fmt::Debug;
use std::ops::RangeBounds;

/// An ordered map that clones in O(1).
#[derive(Clone)]
pub struct Table<K, V>(imbl::OrdMap<K, V>);

impl<K: Ord + Debug, V: Debug> Debug for Table<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<K: Ord + Clone, V: Clone> Default for Table<K, V> {
    fn default() -> Table<K, V> {
        Table(imbl::OrdMap::new())
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key)
    }

    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.0.remove(key)
    }

    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0.iter()
    }

    pub fn range<R, Q>(&self, range: R) -> impl DoubleEndedIterator<Item = (&K, &V)>
    where
        R: RangeBounds<Q>,
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.0.range(range)
    }
}

/// An ordered set that clones in O(1); rows that hold their own key, and secondary indexes.
#[derive(Clone)]
pub struct Set<T>(imbl::OrdSet<T>);

impl<T: Ord + Debug> Debug for Set<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Ord + Clone> Default for Set<T> {
    fn default() -> Set<T> {
        Set(imbl::OrdSet::new())
    }
}

impl<T: Ord + Clone> Set<T> {
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&T>
    where
        T: Borrow<Q>,
    {
        self.0.get(key)
    }

    /// Inserts, replacing an equal element.
    pub fn insert(&mut self, value: T) -> Option<T> {
        self.0.insert(value)
    }

    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<T>
    where
        T: Borrow<Q>,
    {
        self.0.remove(key)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.0.iter()
    }

    pub fn range<R, Q>(&self, range: R) -> impl DoubleEndedIterator<Item = &T>
    where
        R: RangeBounds<Q>,
        T: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.0.range(range)
    }
}
