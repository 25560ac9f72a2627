//! A recurrent language model on the characters of a text.

use datasets::{characters::Characters, synthetic::Brackets, DatasetError, Folder};
use sha2::{Digest, Sha256};
use shared::{
    device::{read_number, Backend, DeviceKind, DeviceTask},
    dfdx::{
        prelude::BuildModule,
        tensor::{Gradients, NoneTape},
        tensor_ops::Backward,
    },
    nn::state::{load_state_dict, parameters, state_dict, NamedTensor, ParamInfo},
    ops::{cross_entropy::softmax_cross_entropy, targets::Targets},
    optim::{AnyOptimizer, OptimizerConfig},
    train::State,
    zoo::{judge, load_model, save_model, CharLstm, ZooError},
};

use super::subject::{Part, Score, Subject};
use crate::{target::Masked, DsdError, Target};

/// The name of the embedded text: nested brackets of four kinds, at most eight deep.
pub const BRACKETS: &str = "brackets";
/// Symbols of a text, at most.
pub const SYMBOLS: usize = 128;
/// Numbers that a symbol is embedded in.
const EMBEDDING: usize = 32;
/// Cells of the long short-term memory.
const CELLS: usize = 96;
/// Symbols of an example; each begins with an empty memory.
pub const LENGTH: usize = 50;
/// Examples scored at a time.
const SCORE_BATCH: usize = 100;

/// A text in two parts, as symbols below [`SYMBOLS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// What is trained on.
    pub train: Vec<usize>,
    /// What is measured on.
    pub test: Vec<usize>,
}

impl Texts {
    /// Whether each part has an example, and every symbol is one.
    ///
    /// # Errors
    /// [`DsdError::Setting`].
    pub(super) fn check(self) -> Result<Self, DsdError> {
        let setting = |field, value: String, allowed| Err(DsdError::Setting { field, value, allowed });
        let shortest = self.train.len().min(self.test.len());
        if shortest <= LENGTH {
            return setting(
                "the shorter part of the text",
                format!("{shortest} symbols long"),
                "more than 50",
            );
        }
        match self.train.iter().chain(&self.test).find(|symbol| **symbol >= SYMBOLS) {
            Some(symbol) => setting("a symbol of the text", symbol.to_string(), "below 128"),
            None => Ok(self),
        }
    }

    fn part(&self, part: Part) -> &[usize] {
        match part {
            Part::Train => &self.train,
            Part::Test => &self.test,
        }
    }
}

/// Whether a data set of that name is a text: `brackets`, or the path of a file.
#[must_use]
pub fn is_text(name: &str) -> bool {
    name == BRACKETS || name.contains(std::path::is_separator)
}

/// Nested brackets, whose entropy is known.
pub(crate) fn language() -> Result<Brackets, DatasetError> {
    Brackets::new(4, 8, 0.5)
}

/// A text by name and its checksum: `train` symbols from its start and the `test` that follow, or what there is of them.
pub(super) fn load(
    name: &str,
    folder: &Folder,
    train: usize,
    test: usize,
) -> Result<(Texts, String), DsdError> {
    let symbols = if name == BRACKETS {
        let text = language()?.text(train + test, 0);
        Characters::of(&text)?.encode(&text)?
    } else {
        folder.load(name, DatasetError::is_missing, |path| Characters::read(&path.join(name)))?.1
    };
    let digest = Sha256::digest(&symbols).iter().map(|byte| format!("{byte:02x}")).collect();
    // of a short text a fifth is measured on
    let train = train.min(symbols.len() - symbols.len() / 5);
    let part = |symbols: &[u8]| symbols.iter().map(|symbol| usize::from(*symbol)).collect();
    let end = symbols.len().min(train + test);
    Ok((Texts { train: part(&symbols[..train]), test: part(&symbols[train..end]) }.check()?, digest))
}

/// Examples of a part: each needs the symbol after its last.
fn examples(symbols: &[usize]) -> usize {
    symbols.len().saturating_sub(1) / LENGTH
}

/// Symbols and those that follow them, those of a step beside each other.
fn batch(symbols: &[usize], members: impl Iterator<Item = usize> + Clone) -> (Vec<usize>, Vec<usize>) {
    let at = |shift: usize| {
        let step = |t: usize| members.clone().map(move |member| member * LENGTH + t + shift);
        (0..LENGTH).flat_map(step).map(|at| symbols[at]).collect()
    };
    (at(0), at(1))
}

/// A fresh language model with its text.
pub(super) struct Build<'a> {
    pub(super) texts: &'a Texts,
    pub(super) optimizer: OptimizerConfig,
}

impl<'a> Build<'a> {
    pub(super) fn on(self, device: DeviceKind, seed: u64) -> Result<Box<dyn Subject + 'a>, DsdError> {
        device.launch(seed, self).map_err(ZooError::from)?
    }
}

impl<'a> DeviceTask for Build<'a> {
    type Output = Result<Box<dyn Subject + 'a>, DsdError>;

    fn run<D: Backend>(self, device: D) -> Self::Output {
        let net: Net<D> = BuildModule::try_build(&device).map_err(compute)?;
        let optimizer = AnyOptimizer::new(self.optimizer)?;
        Ok(Box::new(Language { net, optimizer, grads: None, texts: self.texts }))
    }
}

type Net<D> = CharLstm<f32, D, SYMBOLS, EMBEDDING, CELLS>;

struct Language<'a, D: Backend> {
    net: Net<D>,
    optimizer: AnyOptimizer,
    /// Taken while a step runs.
    grads: Option<Gradients<f32, D>>,
    texts: &'a Texts,
}

fn compute(error: impl std::fmt::Debug) -> DsdError {
    ZooError::Compute(format!("{error:?}")).into()
}

impl<D: Backend> Target for Language<'_, D> {
    fn outline(&self) -> Vec<ParamInfo> {
        parameters(&self.net)
    }
    fn weights(&self) -> Vec<NamedTensor> {
        state_dict(&self.net)
    }
    fn set_weights(&mut self, weights: &[NamedTensor]) -> Result<(), DsdError> {
        Ok(load_state_dict(&mut self.net, weights)?)
    }
    fn optimizer(&self) -> &dyn Masked {
        &self.optimizer
    }
    fn optimizer_mut(&mut self) -> &mut dyn Masked {
        &mut self.optimizer
    }
}

impl<D: Backend> Subject for Language<'_, D> {
    fn examples(&self) -> usize {
        examples(&self.texts.train)
    }

    fn step(&mut self, members: &[usize]) -> Result<f64, DsdError> {
        let (symbols, next) = batch(&self.texts.train, members.iter().copied());
        let grads = match self.grads.take() {
            Some(grads) => grads,
            None => shared::dfdx::nn::ZeroGrads::try_alloc_grads(&self.net).map_err(compute)?,
        };
        let tape = self.net.tape(grads);
        let start = self.net.start(members.len()).map_err(compute)?;
        let (logits, _) = self.net.forward(&symbols, &start, tape).map_err(compute)?;
        let loss = softmax_cross_entropy(logits, &Targets::new(next, SYMBOLS)?).map_err(compute)?;
        // the host waits for it when the step is done
        let value = loss.retaped::<NoneTape>();
        let mut grads = loss.try_backward().map_err(compute)?;
        self.optimizer.step(&mut self.net, &mut grads)?;
        self.grads = Some(grads);
        Ok(read_number(&value))
    }

    fn score(&self, part: Part) -> Result<Score, DsdError> {
        let symbols = self.texts.part(part);
        let members: Vec<usize> = (0..examples(symbols)).collect();
        let (mut loss, mut right) = (0.0, 0);
        for members in members.chunks(SCORE_BATCH) {
            let (inputs, next) = batch(symbols, members.iter().copied());
            let start = self.net.start(members.len()).map_err(compute)?;
            let (logits, _) = self.net.forward(&inputs, &start, NoneTape).map_err(compute)?;
            let (mean, hits) = judge(logits, &Targets::new(next, SYMBOLS)?)?;
            loss += mean * (members.len() * LENGTH) as f64;
            right += hits;
        }
        let count = (members.len() * LENGTH).max(1) as f64;
        Ok(Score { loss: loss / count, error: 1.0 - right as f64 / count })
    }

    fn save(&self) -> Result<State, DsdError> {
        Ok(save_model(&self.net, &self.optimizer)?)
    }

    fn load(&mut self, state: &State) -> Result<(), DsdError> {
        Ok(load_model(&mut self.net, &mut self.optimizer, state)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_symbols_of_a_step_lie_beside_each_other() {
        let symbols: Vec<usize> = (0..2 * LENGTH + 1).collect();
        let (inputs, next) = batch(&symbols, [1, 0].into_iter());
        assert_eq!(inputs[..4], [LENGTH, 0, LENGTH + 1, 1]);
        assert!(inputs.iter().zip(&next).all(|(now, next)| now + 1 == *next));
        assert_eq!((examples(&symbols), inputs.len()), (2, 2 * LENGTH));
    }

    #[test]
    fn texts_that_are_too_short_or_strange_are_refused() {
        let of = |len: usize, symbol: usize| Texts { train: vec![symbol; len], test: vec![0; 99] }.check();
        assert!(of(LENGTH + 1, SYMBOLS - 1).is_ok());
        assert!(of(LENGTH, 0).unwrap_err().to_string().contains("50 symbols long"));
        assert!(of(LENGTH + 1, SYMBOLS).unwrap_err().to_string().contains("below 128"));
    }
}
