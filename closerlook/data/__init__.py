"""The data room: data sets from public sources, checked; corrupted training sets; what a trainer loads. No torch."""
