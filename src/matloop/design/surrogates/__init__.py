"""Models of few, dear, noisy measurements that know what they do not know."""
