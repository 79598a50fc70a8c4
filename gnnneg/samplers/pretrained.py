"""A model that was trained earlier, as a part of a sampler."""

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch_geometric.data import Data

from gnnneg.errors import UserError
from gnnneg.interfaces import Model


def pretrained(name: str, role: str, model: Model, weights: str | None, graph: Data | None = None) -> Model:
    """The model with the weights of a run's ``model.safetensors``, or unchanged if there are none.

    Args:
        name (str): The sampler that uses the model, for errors.
        role (str): The model's role in the sampler, for errors.
        model (Model): The model.
        weights (str, optional): The file.
        graph (torch_geometric.data.Data, optional): The graph for its messages. (default: :obj:`None`)

    Raises:
        UserError: If the weights cannot be read or are another model's, or the model needs a graph and there is none.
    """
    if model.uses_graph and graph is None:
        raise UserError(f"{name}: a {role} that passes messages is not supported; use one that looks vectors up.")
    if weights is not None:
        try:
            model.load_state_dict(load_file(weights))
        except (OSError, SafetensorError) as error:
            raise UserError(
                f"{name}: the weights {weights} cannot be read ({error}): give a run's model.safetensors."
            ) from error
        except RuntimeError as error:
            raise UserError(
                f"{name}: the weights {weights} are not the {role}'s: {str(error).splitlines()[-1].strip()}"
            ) from error
    return model
