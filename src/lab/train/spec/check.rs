//! From what is written to what is meant: every fault of a spec is told, each with its place.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;

use super::file::{self, FeatureKind, File, Name, SplitKind};
use super::repayment::Repayment;
use super::{Binning, Derived, Feature, Kind, Pass, Protected, Spec, Split, TimeSplit, growth};
use crate::domain::{PERIODS, ReasonCode};
use crate::lab::train::Growth;
use crate::policy::{LoadError, Place};
use crate::scoring::Scaling;

const SCALING: Scaling = Scaling { base_score: 600.0, odds: 20.0, pdo: 50.0 };
const APPROVE_SHARE: f64 = 0.8;
const BINS_MAX: usize = 50;
const FOLDS_MAX: usize = 100;

impl Spec {
    /// Reads a spec; `file` is its name in faults.
    pub fn parse(file: &str, text: &str) -> Result<Spec, Vec<LoadError>> {
        let parsed: File =
            toml::from_str(text).map_err(|error| vec![LoadError::toml(file, text, &error)])?;
        let mut check = Check { file, text, faults: Vec::new() };
        let spec = check.spec(parsed);
        if check.faults.is_empty() {
            return Ok(spec);
        }
        check.faults.sort_by_key(|fault| (fault.place.line, fault.place.column));
        Err(check.faults)
    }
}

pub(super) struct Check<'a> {
    file: &'a str,
    text: &'a str,
    faults: Vec<LoadError>,
}

impl Check<'_> {
    pub(super) fn fault(&mut self, span: Range<usize>, problem: impl Into<String>) {
        self.faults.push(LoadError::at(self.file, Place::of(self.text, span.start), problem));
    }

    fn spec(&mut self, file: File) -> Spec {
        self.inputs(&file);
        let outcome = self.outcome(&file);
        let special = file.special.into_iter();
        let split_span = file.split.span();
        let split = self.split(file.split);
        if let (Some(outcome), Split::Time(time)) = (&outcome, &split)
            && time.delay_days < outcome.within.as_days()
        {
            let days = outcome.within.as_days();
            let problem =
                format!("delay_days: expected {days} or more, as within_days of [outcome]");
            self.fault(split_span, problem);
        }
        let positive = match file.positive.into_inner() {
            file::Scalar::Text(text) => text,
            file::Scalar::Integer(number) => number.to_string(),
        };
        Spec {
            name: file.name,
            target: file.target.into_inner(),
            positive,
            outcome,
            seed: file.seed,
            split,
            scaling: self.scaling(file.scaling),
            pass: self.pass(file.pass),
            binning: self.binning(file.binning),
            l2: self.l2(file.logistic.l2),
            forest: self.growth(file.forest),
            special: special.map(|(name, codes)| (name.into_inner(), codes)).collect(),
            protected: file.protected.into_iter().map(|one| self.protected(one)).collect(),
            derived: self.all_derived(file.repayment.as_ref(), file.derived),
            features: file.feature.into_iter().filter_map(|one| self.feature(one)).collect(),
        }
    }

    /// What may be an input, and that no name stands twice.
    fn inputs(&mut self, file: &File) {
        if file.feature.is_empty() {
            self.fault(0..0, "expected at least one [[feature]]");
        }
        let protected: BTreeSet<&String> =
            file.protected.iter().map(|one| one.column.get_ref()).collect();
        let given: Vec<String> =
            file.repayment.iter().flat_map(Repayment::derived).map(|one| one.name).collect();
        let mut above: BTreeSet<&String> = given.iter().collect();
        let stated = file.derived.iter().map(|derived| derived.get_ref().name.get_ref());
        let all: BTreeSet<&String> = stated.chain(&given).collect();
        let mut inputs: Vec<&Name> = file.repayment.iter().flat_map(Repayment::names).collect();
        for span in file.repayment.iter().flat_map(Repayment::faults) {
            self.fault(span, format!("expected {PERIODS} columns, the newest period first"));
        }
        for derived in file.derived.iter().map(Spanned::get_ref) {
            for name in derived.names() {
                if all.contains(name.get_ref()) && !above.contains(name.get_ref()) {
                    let problem = format!("\"{name}\" is not derived above", name = name.get_ref());
                    self.fault(name.span(), problem);
                }
                inputs.push(name);
            }
            if !above.insert(derived.name.get_ref()) {
                self.fault(derived.name.span(), "the name stands twice");
            }
        }
        let mut features = BTreeSet::new();
        for feature in &file.feature {
            if !features.insert(feature.name.get_ref()) {
                self.fault(feature.name.span(), "the name stands twice");
            }
            let column = feature.column.as_ref().unwrap_or(&feature.name);
            if feature.kind == Some(FeatureKind::Category) && all.contains(column.get_ref()) {
                self.fault(column.span(), "a derived column is numeric, not a category");
            }
            inputs.push(column);
        }
        for input in inputs {
            let name = input.get_ref();
            if protected.contains(name) {
                let problem = format!("\"{name}\" is protected, so it cannot be an input");
                self.fault(input.span(), problem);
            }
            if name == file.target.get_ref() {
                self.fault(input.span(), format!("\"{name}\" is the target, not an input"));
            }
        }
        self.special(file, &all);
    }

    /// Codes are of columns of the file that some numeric feature or derivation takes; elsewhere
    /// they would do nothing, and nobody would notice.
    fn special(&mut self, file: &File, derived: &BTreeSet<&String>) {
        let numeric = file.feature.iter().filter(|one| one.kind != Some(FeatureKind::Category));
        let columns = numeric.map(|one| one.column.as_ref().unwrap_or(&one.name));
        let record = file.repayment.iter().flat_map(Repayment::names);
        let operands = file.derived.iter().flat_map(|one| one.get_ref().names()).chain(record);
        let taken: BTreeSet<&String> = columns.chain(operands).map(Spanned::get_ref).collect();
        for (name, codes) in &file.special {
            if derived.contains(name.get_ref()) || !taken.contains(name.get_ref()) {
                self.fault(name.span(), "no numeric input takes this column of the file");
            }
            if codes.is_empty() || codes.iter().any(|code| !code.is_finite()) {
                self.fault(name.span(), "expected a list of numbers");
            }
        }
    }

    fn split(&mut self, split: Spanned<file::Split>) -> Split {
        let span = split.span();
        let split = split.into_inner();
        let given = split.keys();
        let (kind, keys): (&str, &[&str]) = match split.kind {
            SplitKind::Modulo => ("modulo", &["column", "modulus", "test"]),
            SplitKind::Kfold => ("kfold", &["folds"]),
            SplitKind::Time => ("time", &TIME_KEYS),
        };
        for key in given.iter().filter(|key| !keys.contains(key)) {
            self.fault(span.clone(), format!("a split of kind {kind} has no `{key}`"));
        }
        let required = keys.iter().filter(|key| !TIME_OPTIONAL.contains(key));
        for key in required.filter(|key| !given.contains(key)) {
            self.fault(span.clone(), format!("a split of kind {kind} needs `{key}`"));
        }
        let column = split.column.map(Spanned::into_inner).unwrap_or_default();
        match split.kind {
            SplitKind::Modulo => {
                let (modulus, test) = (split.modulus.unwrap_or(2), split.test.unwrap_or_default());
                let distinct = test.iter().collect::<BTreeSet<_>>().len() as i64;
                let some = (1..modulus).contains(&distinct);
                if modulus < 2 || !some || !test.iter().all(|one| (0..modulus).contains(one)) {
                    self.fault(span, "expected some remainders from 0 up to the modulus, not all");
                }
                Split::Modulo { column, modulus, test }
            }
            SplitKind::Kfold => {
                let folds = split.folds.unwrap_or(2);
                if !(2..=FOLDS_MAX).contains(&folds) {
                    self.fault(span, format!("expected 2 to {FOLDS_MAX} folds"));
                }
                Split::Kfold { folds }
            }
            SplitKind::Time => {
                let mut day = |text: Option<Name>| text.map_or(0, |text| self.day(&text));
                let time = TimeSplit {
                    column,
                    train_from: day(split.train_from),
                    train_until: day(split.train_until),
                    delay_days: split.delay_days.unwrap_or(0),
                    test_until: day(split.test_until),
                    folds_back_weeks: split.folds_back_weeks.unwrap_or_else(|| vec![0]),
                    entity: split.entity.map(Spanned::into_inner),
                    drop_known_positive_entities: split
                        .drop_known_positive_entities
                        .unwrap_or(false),
                };
                self.time(span, &time);
                Split::Time(time)
            }
        }
    }

    fn time(&mut self, span: Range<usize>, time: &TimeSplit) {
        let in_order = time.train_from <= time.train_until
            && time.delay_days >= 0
            && time.train_until + time.delay_days < time.test_until;
        if self.faults.is_empty() && !in_order {
            self.fault(
                span.clone(),
                "expected train_from, train_until, delay_days and test_until in order of time",
            );
        }
        if time.folds_back_weeks.is_empty() || time.folds_back_weeks.iter().any(|w| *w < 0) {
            self.fault(span.clone(), "folds_back_weeks: expected weeks of 0 or more");
        }
        if time.drop_known_positive_entities && time.entity.is_none() {
            self.fault(span, "drop_known_positive_entities needs `entity`");
        }
    }

    fn day(&mut self, text: &Name) -> i64 {
        match super::super::split::day(text.get_ref()) {
            Some(day) => day,
            None => {
                self.fault(text.span(), "expected a day such as 2018-07-25");
                0
            }
        }
    }

    fn scaling(&mut self, scaling: Option<Spanned<file::Scaling>>) -> Scaling {
        let Some(scaling) = scaling else { return SCALING };
        let span = scaling.span();
        let file::Scaling { base_score, odds, pdo } = scaling.into_inner();
        let sound = base_score.abs() <= 100_000.0
            && (1e-6..=1e9).contains(&odds)
            && (1.0..=10_000.0).contains(&pdo);
        if !sound {
            self.fault(
                span,
                "expected base_score up to 100000, odds above 0 and pdo from 1 to 10000",
            );
        }
        Scaling { base_score, odds, pdo }
    }

    fn pass(&mut self, pass: Option<Spanned<file::Pass>>) -> Pass {
        let Some(pass) = pass else { return Pass::ApproveShare(APPROVE_SHARE) };
        let span = pass.span();
        match pass.into_inner() {
            file::Pass { mark: Some(mark), approve_share: None } => Pass::Mark(mark),
            file::Pass { mark: None, approve_share: Some(share) } => {
                if !(0.0..=1.0).contains(&share) {
                    self.fault(span, "approve_share: expected 0 to 1");
                }
                Pass::ApproveShare(share)
            }
            _ => {
                self.fault(span, "expected either mark or approve_share");
                Pass::ApproveShare(APPROVE_SHARE)
            }
        }
    }

    fn binning(&mut self, binning: Option<Spanned<file::Binning>>) -> Binning {
        let default = Binning::default();
        let Some(binning) = binning else { return default };
        let span = binning.span();
        let file = binning.into_inner();
        let binning = Binning {
            min_share: file.min_share.unwrap_or(default.min_share),
            max_bins: file.max_bins.unwrap_or(default.max_bins),
            smoothing: file.smoothing.unwrap_or(default.smoothing),
            penalty: file.penalty.or(default.penalty),
        };
        if !(0.0..=0.5).contains(&binning.min_share) {
            self.fault(span.clone(), "min_share: expected 0 to 0.5");
        }
        if !(2..=BINS_MAX).contains(&binning.max_bins) {
            self.fault(span.clone(), format!("max_bins: expected 2 to {BINS_MAX}"));
        }
        if !(1e-3..=1e6).contains(&binning.smoothing) {
            self.fault(span.clone(), "smoothing: expected 0.001 to 1000000");
        }
        if binning.penalty.is_some_and(|penalty| !(0.0..=1e6).contains(&penalty)) {
            self.fault(span, "penalty: expected 0 or more");
        }
        binning
    }

    fn l2(&mut self, l2: Option<Spanned<f64>>) -> Option<f64> {
        let l2 = l2?;
        if !(1e-6..=1e9).contains(l2.get_ref()) {
            self.fault(l2.span(), "l2: expected more than 0");
        }
        Some(l2.into_inner())
    }

    fn growth(&mut self, forest: Option<Spanned<growth::Forest>>) -> Growth {
        let Some(forest) = forest else { return Growth::default() };
        let span = forest.span();
        let (growth, faults) = forest.into_inner().growth();
        for problem in faults {
            self.fault(span.clone(), problem);
        }
        growth
    }

    fn protected(&mut self, protected: file::Protected) -> Protected {
        let cuts = protected.cuts.unwrap_or_default();
        let ascending = cuts.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || cuts.iter().any(|cut| !cut.is_finite()) {
            self.fault(protected.column.span(), "cuts: expected numbers in ascending order");
        }
        Protected { column: protected.column.into_inner(), cuts }
    }

    fn all_derived(
        &mut self,
        repayment: Option<&Repayment>,
        stated: Vec<Spanned<file::Derived>>,
    ) -> Vec<Derived> {
        let given = repayment.into_iter().flat_map(Repayment::derived);
        let stated = stated.into_iter().filter_map(|one| self.derived(one));
        given.chain(stated).collect()
    }

    fn derived(&mut self, derived: Spanned<file::Derived>) -> Option<Derived> {
        let span = derived.span();
        let derived = derived.into_inner();
        let name = derived.name.get_ref().clone();
        let clip = match derived.clip.as_deref() {
            None => None,
            Some([low, high]) if low < high => Some((*low, *high)),
            Some(_) => {
                self.fault(span.clone(), "clip: expected two numbers, the lower first");
                None
            }
        };
        if derived.floor.is_some() && derived.ratio.is_none() {
            self.fault(span.clone(), "`floor` belongs to a `ratio`: it is the least divisor");
        }
        match derived.rule() {
            Ok(rule) => Some(Derived { name, rule, clip }),
            Err(problem) => {
                self.fault(span, problem);
                None
            }
        }
    }

    fn reason(&mut self, name: &Name) -> Option<ReasonCode> {
        let reason = ReasonCode::from_name(name.get_ref());
        if reason.is_none() {
            self.fault(name.span(), format!("\"{}\" is no reason code", name.get_ref()));
        }
        reason
    }

    fn feature(&mut self, feature: file::Feature) -> Option<Feature> {
        let reason = self.reason(&feature.reason);
        let missing_reason = feature.missing_reason.as_ref().and_then(|name| self.reason(name));
        let kind = match (feature.kind.unwrap_or(FeatureKind::Numeric), &feature.monotone) {
            (FeatureKind::Numeric, monotone) => {
                Kind::Numeric(monotone.as_ref().map(|one| *one.get_ref()).unwrap_or_default())
            }
            (FeatureKind::Category, None) => Kind::Category,
            (FeatureKind::Category, Some(monotone)) => {
                self.fault(monotone.span(), "`monotone` belongs to numeric features");
                Kind::Category
            }
        };
        let name = feature.name.into_inner();
        let column = feature.column.map_or_else(|| name.clone(), Spanned::into_inner);
        let missing = feature.missing;
        Some(Feature { name, column, kind, reason: reason?, missing_reason, missing })
    }
}

const TIME_KEYS: [&str; 8] = [
    "column",
    "train_from",
    "train_until",
    "delay_days",
    "test_until",
    "folds_back_weeks",
    "entity",
    "drop_known_positive_entities",
];
const TIME_OPTIONAL: [&str; 4] =
    ["delay_days", "folds_back_weeks", "entity", "drop_known_positive_entities"];
