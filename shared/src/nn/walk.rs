//! A walk over the tensors of a model with their names.
//!
//! dfdx's own walker joins names and gathers a second model at every field, in code that is compiled anew for each layer, each
//! size and each purpose; of a large model that is most of what there is to compile. Nothing here makes a model, and names are
//! joined in one place.

use std::marker::PhantomData;

use dfdx::nn::tensor_collection::{
    ModuleFields, ModuleVisitor, ScalarOptions, TensorCollection, TensorOptions, TensorViewer, ViewTensorMut,
    ViewTensorRef,
};
use dfdx::shapes::Shape;
use dfdx::tensor::Tensor;
use dfdx::tensor_ops::Device;

/// What is done with each tensor, seen as `V` sees it.
pub(crate) trait Visit<V: TensorViewer, D: Device<f32>> {
    /// Why it could not be done.
    type Err;

    /// Does it with the tensor called `name`, which is the path to it; `trainable` where optimisers update it.
    fn visit<S: Shape>(
        &mut self,
        name: &str,
        trainable: bool,
        tensor: V::View<'_, Tensor<S, f32, D>>,
    ) -> Result<(), Self::Err>;
}

/// Shows every tensor of `model` to `f`, in the order of its fields.
pub(crate) fn walk<M, D, F>(model: &M, f: &mut F) -> Result<(), F::Err>
where
    M: TensorCollection<f32, D>,
    D: Device<f32>,
    F: Visit<ViewTensorRef, D>,
{
    let mut path = String::new();
    M::iter_tensors(&mut Walker { at: model, path: &mut path, f, view: PhantomData::<ViewTensorRef> })
        .map(|_| ())
}

/// Hands every tensor of `model` to `f`, in the order of its fields.
pub(crate) fn walk_mut<M, D, F>(model: &mut M, f: &mut F) -> Result<(), F::Err>
where
    M: TensorCollection<f32, D>,
    D: Device<f32>,
    F: Visit<ViewTensorMut, D>,
{
    let mut path = String::new();
    M::iter_tensors(&mut Walker { at: model, path: &mut path, f, view: PhantomData::<ViewTensorMut> })
        .map(|_| ())
}

struct Walker<'w, At, F, V> {
    at: At,
    path: &'w mut String,
    f: &'w mut F,
    view: PhantomData<V>,
}

impl<'w, T, D, F, V> ModuleVisitor<T, f32, D> for Walker<'w, V::View<'w, T>, F, V>
where
    T: TensorCollection<f32, D>,
    D: Device<f32>,
    F: Visit<V, D>,
    V: TensorViewer,
{
    type Err = F::Err;
    type E2 = f32;
    type D2 = D;

    fn visit_module<Field, GetRef, GetMut>(
        &mut self,
        name: &str,
        mut get_ref: GetRef,
        mut get_mut: GetMut,
    ) -> Result<Option<Field::To<f32, D>>, F::Err>
    where
        GetRef: FnMut(&T) -> &Field,
        GetMut: FnMut(&mut T) -> &mut Field,
        Field: TensorCollection<f32, D>,
    {
        let outer = enter(self.path, name);
        let at = V::view_field(&mut self.at, name, &mut get_ref, &mut get_mut);
        let done =
            Field::iter_tensors(&mut Walker { at, path: self.path, f: self.f, view: PhantomData::<V> });
        self.path.truncate(outer);
        done
    }

    fn visit_tensor<S: Shape, GetRef, GetMut>(
        &mut self,
        name: &str,
        mut get_ref: GetRef,
        mut get_mut: GetMut,
        options: TensorOptions<S, f32, D>,
    ) -> Result<Option<Tensor<S, f32, D>>, F::Err>
    where
        GetRef: FnMut(&T) -> &Tensor<S, f32, D>,
        GetMut: FnMut(&mut T) -> &mut Tensor<S, f32, D>,
    {
        let outer = enter(self.path, name);
        let tensor = V::view_field(&mut self.at, name, &mut get_ref, &mut get_mut);
        let done = self.f.visit(self.path, options.do_gradient_update, tensor);
        self.path.truncate(outer);
        done.map(|()| None)
    }

    /// A setting and no weight.
    fn visit_scalar<N, GetRef, GetMut>(
        &mut self,
        _: &str,
        _: GetRef,
        _: GetMut,
        _: ScalarOptions<N>,
    ) -> Result<Option<N>, F::Err>
    where
        N: num_traits::NumCast,
        GetRef: FnMut(&T) -> &N,
        GetMut: FnMut(&mut T) -> &mut N,
    {
        Ok(None)
    }

    fn visit_fields<M: ModuleFields<T, f32, D>>(
        &mut self,
        fields: M,
        _: impl FnOnce(M::Output<f32, D>) -> T::To<f32, D>,
    ) -> Result<Option<T::To<f32, D>>, F::Err> {
        fields.visit_fields(self)?;
        Ok(None)
    }
}

/// Adds a part to a path, after a dot where it is not the first; gives back how long the path was.
fn enter(path: &mut String, part: &str) -> usize {
    let outer = path.len();
    if outer > 0 {
        path.push('.');
    }
    path.push_str(part);
    outer
}
