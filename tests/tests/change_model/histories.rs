//! Long histories of one record, by [`Change::judge`] and by the model.

use std::sync::Arc;

use proptest::prelude::*;
use session_runtime::{
    Timestamp,
    store::{Change, Record},
};

use crate::{
    chance::{Step, renewal_step, step},
    digest,
    model::Model,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// DESIGN section 3: the order of checks, that nothing is written unless applied, and what each part does.
    #[test]
    fn judge_agrees_with_the_model(history in prop::collection::vec(step(), 1..40)) {
        compare(history)?;
    }

    /// The same for what seldom comes together by chance: who renewed, and who presented what since.
    #[test]
    fn judge_agrees_with_the_model_about_renewals(history in prop::collection::vec(renewal_step(), 1..40)) {
        let create = Change::create(digest(0), Timestamp::from_millis(0), Timestamp::NEVER, Timestamp::NEVER);
        compare([Step::Change(Box::new(create))].into_iter().chain(history))?;
    }
}

/// Goes through `history` with [`Change::judge`] and with the [`Model`], side by side.
fn compare(history: impl IntoIterator<Item = Step>) -> Result<(), TestCaseError> {
    let (mut record, mut model) = (None::<Arc<Record>>, None::<Model>);
    let mut now = 0;
    for step in history {
        match step {
            Step::Wait(millis) => now += millis,
            Step::Delete => (record, model) = (None, None),
            Step::Change(change) => {
                let before = model.clone();
                let verdict = change.judge(record.as_deref(), Timestamp::from_millis(now));
                let answer = Model::apply(&mut model, &change, now);
                prop_assert_eq!(verdict.answer, answer, "of {:?}", change);
                prop_assert_eq!(verdict.write.is_some(), before != model, "of {:?}", change);
                record = verdict.write.or(record);
                prop_assert_eq!(record.as_deref().map(Model::of), model.clone(), "after {:?}", change);
            }
        }
    }
    Ok(())
}
