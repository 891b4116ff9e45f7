//! An index never goes back: not from one answer of a server to the next of the same query, not
//! over restarts, and not below the index that a client sent. And an index names one answer: two
//! that differ have different indexes, or a watcher would miss the change.

use super::{Verdict, hold};
use std::collections::BTreeMap;
use tribune_state::{Answer, Index, LogIndex, Query, View, Visible};

const RULE: &str = "an index never goes back";

/// What was answered last to each query.
#[derive(Debug, Default)]
pub struct Indexes(BTreeMap<Query, Last>);

#[derive(Debug)]
struct Last {
    index: Index,
    /// One number for the rows.
    body: u64,
    /// The log position of the state that answered.
    at: LogIndex,
}

impl Indexes {
    /// A query was answered; `asked` is the index that the client sent, `body` stands for the rows.
    pub fn answered(
        &mut self,
        query: &Query,
        asked: Option<Index>,
        answer: &Answer,
        body: u64,
    ) -> Verdict {
        let Answer { index, at, .. } = *answer;
        hold(RULE, asked.is_none_or(|asked| index >= asked), || {
            format!("{query:?} was asked past {asked:?} and answered at {}", index.0)
        })?;
        let Some(last) = self.0.get_mut(query) else {
            self.0.insert(query.clone(), Last { index, body, at });
            return Ok(());
        };
        hold(RULE, index >= last.index, || {
            format!("{query:?} was answered at {} and then at {}", last.index.0, index.0)
        })?;
        hold("an index names one answer", index > last.index || body == last.body, || {
            format!("{query:?} has two answers at {}", index.0)
        })?;
        *last = Last { index, body, at };
        Ok(())
    }

    /// The same for every query that this state is not too old for, as after a restart.
    pub fn again(&self, view: &View) -> Verdict {
        for (query, last) in self.0.iter().filter(|(_, last)| last.at <= view.at()) {
            let index = view.answer(query, &Visible::All).index;
            hold(RULE, index >= last.index, || {
                format!("{query:?} was answered at {} and is now at {}", last.index.0, index.0)
            })?;
        }
        Ok(())
    }
}
