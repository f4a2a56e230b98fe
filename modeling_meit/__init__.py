"""The model as it lies on the Hub: configuration, encoder, fusion, processor; copied beside the weights."""
