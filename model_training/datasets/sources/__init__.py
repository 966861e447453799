"""Where images come from: museums, Naver webtoon, Kaggle, Hugging Face, DomainNet. One module a source."""
