"""What is known about a set of rows: maps, clusters, how well they cover their space."""

from matloop.core.registry import Registry

MAPS = Registry(
    "matloop.maps",
    pca="matloop.profile.pca:PrincipalAxes",
    tsne="matloop.profile.tsne:NeighbourEmbedding",
    umap="matloop.profile.umap:ManifoldProjection",
    autoencoder="matloop.profile.autoencoder:Autoencoder",
)
"""Maps of rows by name: scikit-learn transformers of points, see `matloop.profile.map.make_map`."""
