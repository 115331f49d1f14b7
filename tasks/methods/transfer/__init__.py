"""Transfer: an ancestor's network learns the target; objectives differ in what of the source they hold on to."""
